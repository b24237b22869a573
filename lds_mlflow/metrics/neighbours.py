r"""Density and Coverage (Naeem et al., Reliable Fidelity and Diversity Metrics for Generative Models, 2020).

With B_i the ball around real image i that reaches to its k-th nearest other real image (their equations 3 and 4):

    density  = 1/(k M) sum_j sum_i [y_j in B_i]        coverage = 1/N sum_i [some y_j in B_i]

Density can exceed 1, and rises when samples crowd where real images are dense; coverage is a share: two numbers.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from lds_mlflow.errors import DataError

__all__ = ["DensityCoverage", "density_and_coverage"]

_TILE_ENTRIES = 2**24


class DensityCoverage(NamedTuple):
    """Density, 0 or above, and coverage, 0..1."""

    density: float
    coverage: float


def density_and_coverage(real_NF: Tensor, fake_MF: Tensor, *, k: int = 5) -> DensityCoverage:
    """Measures samples against real images by their neighbours in feature space.

    Args:
        real_NF: Features of real images, float [N, F].
        fake_MF: Features of samples, float [M, F].
        k: Which neighbour sets the radius of a real image's ball.

    Raises:
        DataError: There are k real images or fewer, or no samples.
    """
    n, m = len(real_NF), len(fake_MF)
    if n <= k or m < 1:
        raise DataError(
            "density and coverage",
            found=f"{n} real images and {m} samples",
            expected=f"more than k = {k} real images, and a sample",
            remedy="Bring more held-out images, or lower k_neighbours.",
        )
    real, fake = real_NF.double(), fake_MF.double()
    inside, covered = 0, 0
    for rows in real.split(max(1, _TILE_ENTRIES // max(n, m))):
        # The nearest of a real image's k + 1 is itself, at distance 0.
        radius = _distances(rows, real).kthvalue(k + 1, dim=1).values
        in_ball = _distances(rows, fake) < radius[:, None]
        inside += int(in_ball.sum())
        covered += int(in_ball.any(1).sum())
    return DensityCoverage(density=inside / (k * m), coverage=covered / n)


def _distances(x: Tensor, y: Tensor) -> Tensor:
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")
