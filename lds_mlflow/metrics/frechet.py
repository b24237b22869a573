r"""The Frechet distance between two sets of features.

    FD = |mu_x - mu_y|^2 + tr(S_x + S_y - 2 (S_x S_y)^(1/2))

with the mean and covariance of each set: Heusel et al., GANs Trained by a Two Time-Scale Update Rule, 2017. With
Inception's features it is the FID; with another extractor's it has that extractor's name.

With any factors S_x = A^T A and S_y = B^T B the eigenvalues of S_x S_y are the squared singular values of A B^T, so the
trace of the root is their sum. No root of a matrix that isn't symmetric is taken. A set of more rows than features
has the Cholesky factor of its covariance; a set of fewer is its own factor, and nothing of it is lost to rounding.
"""

import torch
from torch import Tensor

from lds_mlflow.errors import DataError

__all__ = ["frechet_distance"]

_LOST_AT_MOST = 1e-10


def frechet_distance(x_NF: Tensor, y_MF: Tensor) -> float:
    """Returns the Frechet distance of two sets of features, in squared feature units. Computes in float64.

    Args:
        x_NF: Features, float [N, F].
        y_MF: Features, float [M, F].

    Raises:
        DataError: A set has fewer than two rows, or a feature is not finite.
    """
    for name, features in (("first", x_NF), ("second", y_MF)):
        if len(features) < 2 or not features.isfinite().all():
            raise DataError(
                f"the {name} set of features",
                found=f"{len(features)} rows, {'all' if features.isfinite().all() else 'not all'} finite",
                expected="at least 2 rows of finite numbers",
                remedy="Evaluate more samples, of a model whose training has not diverged.",
            )
    (mean_x, a), (mean_y, b) = _mean_and_factor(x_NF), _mean_and_factor(y_MF)
    spread = a.square().sum() + b.square().sum() - 2 * _sum_of_singular_values(a @ b.T)
    return ((mean_x - mean_y).square().sum() + spread).item()


def _mean_and_factor(x_NF: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the mean, [F], and A, [min(N, F), F], with A^T A the covariance, both float64."""
    x = x_NF.double()
    mean = x.mean(0)
    centred = (x - mean) / (len(x) - 1) ** 0.5
    if len(x) <= x.shape[1]:
        return mean, centred
    covariance = centred.T @ centred
    factor, failed = torch.linalg.cholesky_ex(covariance, upper=True)
    if not failed:
        return mean, factor
    # Features that depend on each other have no Cholesky factor.
    variances, axes = torch.linalg.eigh(covariance)
    return mean, variances.clamp(min=0).sqrt()[:, None] * axes.T


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
