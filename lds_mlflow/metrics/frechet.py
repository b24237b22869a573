r"""The Frechet distance between two sets of features.

    FD = |mu_x - mu_y|^2 + tr(S_x + S_y - 2 (S_x S_y)^(1/2))

with the mean and covariance of each set: Heusel et al., GANs Trained by a Two Time-Scale Update Rule, 2017. With
Inception's features it is the FID; with another extractor's it has that extractor's name.

With any factors S_x = A^T A and S_y = B^T B the eigenvalues of S_x S_y are the squared singular values of A B^T, so the
trace of the root is their sum. No root of a matrix that isn't symmetric is taken. A set of more rows than features
has the Cholesky factor of its covariance; a set of fewer is its own factor, and nothing of it is lost to rounding.

It is biased: of n examples of each set it is too large by about c / n, where c depends on the model. So figures of
different n can't be compared, and what n -> infinity would give is extrapolated (Chong & Forsyth, Effectively
Unbiased FID and Inception Score, 2020).
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from lds_mlflow.errors import DataError
from lds_mlflow.machine.arrays import taking_arrays
from lds_mlflow.metrics.estimates import Estimate

__all__ = ["Extrapolation", "frechet_distance", "frechet_estimate", "frechet_trace", "frechet_without_bias"]

_LOST_AT_MOST = 1e-10
_SIZES, _DRAWS = 6, 5


class Extrapolation(NamedTuple):
    """A distance extrapolated to infinitely many examples.

    Attributes:
        value: The distance, in squared feature units; it may be below 0 by chance.
        slope: c: how much of it n examples of each set add, times n.
        sizes: Numbers of examples of each set at which it was measured.
        distances: What was measured, in the mean of several draws.
    """

    value: float
    slope: float
    sizes: tuple[int, ...]
    distances: tuple[float, ...]


@taking_arrays
def frechet_distance(x_NF: Tensor, y_MF: Tensor) -> float:
    """Returns the Frechet distance of two sets of features, in squared feature units. Computes in float64.

    Args:
        x_NF: Features, float [N, F].
        y_MF: Features, float [M, F].

    Raises:
        DataError: A set has fewer than two rows, or a feature is not finite.
    """
    _require(x_NF, y_MF)
    (mean_x, a), (mean_y, b) = _mean_and_factor(x_NF), _mean_and_factor(y_MF)
    spread = a.square().sum() + b.square().sum() - 2 * _sum_of_singular_values(a @ b.T)
    return ((mean_x - mean_y).square().sum() + spread).item()


@taking_arrays
def frechet_trace(covariance_x_FF: Tensor, covariance_y_FF: Tensor) -> float:
    """Returns tr (S_x S_y)^(1/2) of two covariances, float64 [F, F]."""
    return _sum_of_singular_values(_factor(covariance_x_FF) @ _factor(covariance_y_FF).T).item()


@taking_arrays
def frechet_estimate(real_NF: Tensor, fake_MF: Tensor) -> Estimate:
    """Returns the Frechet distance with the influence of every example.

    With a centred example c = x - mu_x, and m = B c, the influence is 2 c.(mu_x - mu_y) + |c|^2
    - m^T (B S_x B^T)^(-1/2) m less the mean of that: the derivatives of the distance's terms, the last of them that of
    the roots of the eigenvalues of B S_x B^T.

    Args:
        real_NF: Features of real examples, float [N, F].
        fake_MF: Features of samples, float [M, F].

    Raises:
        DataError: A set has fewer than two rows, or a feature is not finite.
    """
    distance = frechet_distance(real_NF, fake_MF)
    real, fake = real_NF.double(), fake_MF.double()
    return Estimate(distance, _influence(real, fake).cpu(), _influence(fake, real).cpu())


@taking_arrays
def frechet_without_bias(x_NF: Tensor, y_MF: Tensor, *, generator: torch.Generator) -> Extrapolation | None:
    """Extrapolates the Frechet distance to infinitely many examples, by a line in 1/n through six sizes from half on.

    Unlike Chong & Forsyth, who hold the real examples fixed, this takes n of both sets. So the bias by the real
    examples goes too, and real examples against real ones give about 0.

    Args:
        x_NF: Features, float [N, F].
        y_MF: Features, float [N, F].
        generator: Draws which examples are left out.

    Returns:
        The extrapolation, or None where half of the examples are no more than the features, since the bias isn't linear
        there.

    Raises:
        DataError: A set has fewer than two rows, or a feature is not finite.
    """
    _require(x_NF, y_MF)
    most = min(len(x_NF), len(y_MF))
    if most // 2 <= x_NF.shape[1]:
        return None
    sizes = np.linspace(most // 2, most, _SIZES).round().astype(int).tolist()
    distances = [_mean_distance(x_NF, y_MF, n, generator) for n in sizes]
    slope, intercept = np.polyfit(1 / np.array(sizes), distances, 1)
    return Extrapolation(float(intercept), float(slope), tuple(sizes), tuple(distances))


def _mean_distance(x_NF: Tensor, y_MF: Tensor, n: int, generator: torch.Generator) -> float:
    found = []
    for _ in range(1 if n == len(x_NF) == len(y_MF) else _DRAWS):
        x, y = (rows[torch.randperm(len(rows), generator=generator)[:n]] for rows in (x_NF, y_MF))
        found.append(frechet_distance(x, y))
    return float(np.mean(found))


def _require(x_NF: Tensor, y_MF: Tensor) -> None:
    for name, features in (("first", x_NF), ("second", y_MF)):
        if len(features) < 2 or not features.isfinite().all():
            raise DataError(
                f"the {name} set of features",
                found=f"{len(features)} rows, {'all' if features.isfinite().all() else 'not all'} finite",
                expected="at least 2 rows of finite numbers",
                remedy="Evaluate more samples, of a model whose training has not diverged.",
            )


def _influence(x_NF: Tensor, y_MF: Tensor) -> Tensor:
    (mean, _), (mean_y, b) = _mean_and_factor(x_NF), _mean_and_factor(y_MF)
    centred = x_NF - mean
    seen_by_y = centred @ b.T
    # Over n - 1, as the covariances are.
    variances, axes = torch.linalg.eigh(seen_by_y.T @ seen_by_y / (len(x_NF) - 1))
    kept = variances > variances[-1] * len(variances) * torch.finfo(variances.dtype).eps
    roots = variances.where(kept, 1).rsqrt().where(kept, 0)
    influence = 2 * centred @ (mean - mean_y) + centred.square().sum(1) - (seen_by_y @ axes).square() @ roots
    centred_influence: Tensor = influence - influence.mean()
    return centred_influence


def _mean_and_factor(x_NF: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the mean, [F], and A, [min(N, F), F], with A^T A the covariance, both float64."""
    x = x_NF.double()
    mean = x.mean(0)
    centred = (x - mean) / (len(x) - 1) ** 0.5
    return mean, centred if len(x) <= x.shape[1] else _factor(centred.T @ centred)


def _factor(covariance_FF: Tensor) -> Tensor:
    factor: Tensor
    factor, failed = torch.linalg.cholesky_ex(covariance_FF, upper=True)
    if failed:
        # Features that depend on each other have no Cholesky factor.
        variances, axes = torch.linalg.eigh(covariance_FF)
        factor = variances.clamp(min=0).sqrt()[:, None] * axes.T
    return factor


def _sum_of_singular_values(product: Tensor) -> Tensor:
    if product.shape[0] == product.shape[1]:
        # Several times faster than singular values, but squaring costs small ones their digits.
        squares = torch.linalg.eigvalsh(product @ product.T).clamp(min=0)
        total: Tensor = squares.sqrt().sum()
        rounding = torch.finfo(squares.dtype).eps * squares[-1]
        if (rounding / squares.clamp(min=rounding.item()).sqrt()).sum() <= _LOST_AT_MOST * total:
            return total
    singular_values: Tensor = torch.linalg.svdvals(product)
    return singular_values.sum()
