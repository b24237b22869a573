r"""Fidelity and diversity by neighbours in feature space.

With B(x) the open ball around x that reaches to the k-th nearest other point of x's own set, N real examples x_i and M
samples y_j:

    precision = 1/M sum_j [y_j in some B(x_i)]       density  = 1/(k M) sum_j sum_i [y_j in B(x_i)]
    recall    = 1/N sum_i [x_i in some B(y_j)]       coverage = 1/N sum_i [some y_j in B(x_i)]

Precision and recall: Kynkaanniemi et al., Improved Precision and Recall Metric for Assessing Generative Models, 2019.
Density and coverage: Naeem et al., Reliable Fidelity and Diversity Metrics for Generative Models, 2020, equations 3, 4.
Density can exceed 1, and rises when samples crowd where real examples are dense; coverage is a share: two numbers.

The clipped ones (Salvy, Talbot & Thirion, Enhanced Generative Model Evaluation with Clipped Density and Coverage, 2026)
let no example count for more than one: with the radii of B' at most their median, c_j the balls B' around y_j, d_i the
samples in B(x_i), and mean[.] over the examples of a set,

    clipped density  = min(1, mean[min(1, c_j / k)] / the same of the real examples, each without its own ball)
    clipped coverage = m / M   where   E[min(1, J_m / k)] = mean[min(1, d_i / k)],   J_m ~ BetaBinomial(m, k, N - k)

J_m is how many of m samples of the real distribution a ball holds. So the score is the share of samples that, were they
real ones and the rest nothing, would cover as much.
"""

from typing import NamedTuple

import numpy as np
import torch
from scipy.stats import betabinom
from torch import Tensor

from lds_mlflow.errors import DataError
from lds_mlflow.machine.arrays import taking_arrays
from lds_mlflow.metrics.balls import Balls, balls_around, comparable, count_inside, sum_inside
from lds_mlflow.metrics.estimates import Estimate, share_by_membership

__all__ = [
    "DensityCoverage",
    "PrecisionRecall",
    "density_and_coverage",
    "neighbour_estimates",
    "precision_and_recall",
]


class DensityCoverage(NamedTuple):
    """Density, 0 or above, and coverage, 0..1."""

    density: float
    coverage: float


class PrecisionRecall(NamedTuple):
    """Precision and recall, 0..1."""

    precision: float
    recall: float


@taking_arrays
def density_and_coverage(real_NF: Tensor, fake_MF: Tensor, *, k: int = 5) -> DensityCoverage:
    """Measures samples by how many balls of real examples they lie in, and how many balls they reach.

    Args:
        real_NF: Features of real examples, float [N, F].
        fake_MF: Features of samples, float [M, F].
        k: Which neighbour sets the radius of a ball.

    Raises:
        DataError: There are k real examples or fewer, or no samples, or a feature is not finite.
    """
    _require("density and coverage", real_NF, fake_MF, needed_real=k + 1, needed_fake=1, k=k)
    real, fake = comparable(real_NF, fake_MF)
    held_N, _ = count_inside(balls_around(real, k), fake)
    return DensityCoverage(held_N.sum().item() / (k * len(fake)), (held_N > 0).double().mean().item())


@taking_arrays
def precision_and_recall(real_NF: Tensor, fake_MF: Tensor, *, k: int = 5) -> PrecisionRecall:
    """Measures which samples lie among the real examples, and which real examples among the samples.

    Args:
        real_NF: Features of real examples, float [N, F].
        fake_MF: Features of samples, float [M, F].
        k: Which neighbour sets the radius of a ball.

    Raises:
        DataError: There are k real examples or samples, or fewer, or a feature is not finite.
    """
    _require("precision and recall", real_NF, fake_MF, needed_real=k + 1, needed_fake=k + 1, k=k)
    real, fake = comparable(real_NF, fake_MF)
    (_, within_M), (_, within_N) = count_inside(balls_around(real, k), fake), count_inside(balls_around(fake, k), real)
    return PrecisionRecall((within_M > 0).double().mean().item(), (within_N > 0).double().mean().item())


@taking_arrays
def neighbour_estimates(real_NF: Tensor, fake_MF: Tensor, *, k: int = 5) -> dict[str, Estimate]:
    """Returns precision, recall, density, coverage, clipped_density and clipped_coverage with their influences.

    The influences of real examples on density allow for the balls around an example's neighbours, which grow where that
    example is left out. For the other figures the balls are held fixed, which simulations found nearer to the truth.

    Args:
        real_NF: Features of real examples, float [N, F].
        fake_MF: Features of samples, float [M, F].
        k: Which neighbour sets the radius of a ball.

    Raises:
        DataError: There are k real examples or samples, or fewer, or a feature is not finite.
    """
    _require("neighbours", real_NF, fake_MF, needed_real=k + 1, needed_fake=k + 1, k=k)
    real, fake = comparable(real_NF, fake_MF)
    around_real = balls_around(real, k)
    held_N, within_M = count_inside(around_real, fake)
    hanging_N, hanging_M = sum_inside(around_real, fake, held_N == 1, within_M == 1)
    by_sample, by_real = share_by_membership((within_M > 0).double(), hanging_N, 1)
    precision = Estimate((within_M > 0).double().mean().item(), by_real, by_sample)
    coverage = Estimate((held_N > 0).double().mean().item(), *share_by_membership((held_N > 0).double(), hanging_M, 1))
    around_fake = balls_around(fake, k)
    held_M, within_N = count_inside(around_fake, real)
    hanging_M, _ = sum_inside(around_fake, real, held_M, within_N == 1)
    recall = Estimate(
        (within_N > 0).double().mean().item(), *share_by_membership((within_N > 0).double(), hanging_M, 1)
    )
    return {
        "precision": precision,
        "recall": recall,
        "density": _density(around_real, fake, held_N, within_M),
        "coverage": coverage,
        "clipped_density": _clipped_density(around_real, fake),
        "clipped_coverage": _clipped_coverage(around_real, fake, held_N),
    }


def _density(around_real: Balls, fake_MF: Tensor, held_N: Tensor, within_M: Tensor) -> Estimate:
    n, k = around_real.nearest_Nk.shape
    each = n / (k * len(fake_MF))
    by_real, by_sample = share_by_membership(held_N.double() * each, within_M.double() * each, each)
    if around_real.next_N.isfinite().all():
        grown_N, _ = count_inside(around_real._replace(radius_N=around_real.next_N), fake_MF)
        gained = ((grown_N - held_N).double() * each).repeat_interleave(k)
        growth = torch.zeros(n, dtype=torch.float64).index_add(0, around_real.nearest_Nk.flatten().cpu(), gained.cpu())
        by_real = by_real - (growth - growth.mean()).to(by_real.device)
    return Estimate(held_N.sum().item() / (k * len(fake_MF)), by_real, by_sample)


def _clipped_density(around_real: Balls, fake_MF: Tensor) -> Estimate:
    k = around_real.nearest_Nk.shape[1]
    radius_N = around_real.radius_N.clamp(max=around_real.radius_N.quantile(0.5))
    # Closed balls: each real example's k-th neighbour counts, or real examples would have less than samples like them.
    clipped = around_real._replace(radius_N=radius_N.nextafter(torch.full_like(radius_N, torch.inf)))
    _, within_M = count_inside(clipped, fake_MF)
    _, within_N = count_inside(clipped, clipped.centres_NF)
    # Every ball holds its own centre.
    of_real = (within_N - 1).clamp(max=k).double().mean() / k
    value_M = within_M.clamp(max=k).double() / k / of_real
    hanging_N, _ = sum_inside(clipped, fake_MF, within_M[:0].new_zeros(len(within_N)), within_M <= k)
    by_sample, by_real = share_by_membership(value_M, hanging_N / (k * of_real), (1 / (k * of_real)).item())
    return Estimate(min(1.0, value_M.mean().item()), by_real, by_sample)


def _clipped_coverage(around_real: Balls, fake_MF: Tensor, held_N: Tensor) -> Estimate:
    n, k = around_real.nearest_Nk.shape
    value_N = held_N.clamp(max=k).double() / k
    _, hanging_M = sum_inside(around_real, fake_MF, held_N <= k, held_N[:0].new_zeros(len(fake_MF)))
    by_real, by_sample = share_by_membership(value_N, hanging_M / k, 1 / k)
    shares = np.arange(len(fake_MF) + 1)
    expected = _expected_clipped_share(shares, n, k)
    found = np.interp(value_N.mean().item(), expected, shares / len(fake_MF))
    around = np.searchsorted(expected, value_N.mean().item()).clip(1, len(fake_MF))
    slope = 1 / (len(fake_MF) * (expected[around] - expected[around - 1]))
    return Estimate(float(found), slope * by_real, slope * by_sample)


def _expected_clipped_share(m: np.ndarray, n: int, k: int) -> np.ndarray:
    """Returns E[min(1, J_m / k)] of J_m ~ BetaBinomial(m, k, n - k), by what is missing below k."""
    below = np.arange(k)[:, None]
    missing: np.ndarray = (k - below) / k * betabinom.pmf(below, m[None], k, n - k)
    share: np.ndarray = 1 - missing.sum(0)
    return share


def _require(what: str, real_NF: Tensor, fake_MF: Tensor, *, needed_real: int, needed_fake: int, k: int) -> None:
    if len(real_NF) < needed_real or len(fake_MF) < needed_fake:
        many = f"more than k = {k}"
        raise DataError(
            what,
            found=f"{len(real_NF)} real examples and {len(fake_MF)} samples",
            expected=f"{many} real examples, and {'a sample' if needed_fake == 1 else f'{many} samples'}",
            remedy="Bring more held-out examples, or lower k_neighbours.",
        )
    # A sum is finite only if all of it is, and takes no table of its own.
    if not (real_NF.sum(1).isfinite().all() and fake_MF.sum(1).isfinite().all()):
        raise DataError(
            what,
            found="features that are not all finite",
            expected="finite numbers",
            remedy="Evaluate samples of a model whose training has not diverged.",
        )
