r"""Latents in units of the kernel: u = (z - mean) / (sigma sqrt 2), so that LDS(z) = 1/N sum_k exp(-|u - u_k|^2).

Distances don't depend on the origin; near the mean the expansion |u - v|^2 = |u|^2 + |v|^2 - 2 u.v loses the fewest
digits. It rounds by some 4 eps max|u|^2, so where that could be seen, latents are taken to float64.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import sqrt
from typing import Self

import numpy as np
import torch
from torch import Tensor

from lds_mlflow.latent.checks import require_width

__all__ = ["TENTHS", "Geometry", "blocks", "empty", "squared_norms"]

TENTHS = 10
"""Steps of the grid of interpolation weights: alpha is one of 0.1, ..., 0.9."""

_TOLERANCE = 1e-5


def blocks(n: int, size: int) -> Iterator[slice]:
    """Yields consecutive slices of at most `size` that cover 0..n-1."""
    return (slice(start, min(start + size, n)) for start in range(0, n, size))


def empty(rows: int, columns: int, *, like: Tensor) -> Tensor:
    """Returns uninitialised memory, [rows, columns], of a tensor's type and device."""
    if like.device.type != "cpu":
        return like.new_empty(rows, columns)
    # numpy asks for huge pages, which torch doesn't: large tables fill up to twice as fast.
    return torch.from_numpy(np.empty((rows, columns), dtype=like.numpy().dtype))


def squared_norms(u_MD: Tensor) -> Tensor:
    """Returns |u|^2 of every row, [M], without a table of squares."""
    norms: Tensor = torch.linalg.vector_norm(u_MD, dim=1)
    return norms.square_()


def _distances(z_MD: Tensor, point_D: Tensor) -> Tensor:
    return torch.cdist(z_MD, point_D.to(z_MD)[None], compute_mode="donot_use_mm_for_euclid_dist")


@dataclass(frozen=True, slots=True)
class Geometry:
    """An origin, a unit of length, and the type that distances are computed in.

    Attributes:
        mean_D: Mean of the training latents, float64 [D].
        unit: sigma times the root of two, in latent units.
        dtype: float32, or float64 where float32 might round an exponent by much more than 1e-5.
    """

    mean_D: Tensor
    unit: float
    dtype: torch.dtype

    @classmethod
    def of(cls, z_ND: Tensor, sigma: float, *points_MD: Tensor) -> Self:
        """Returns the geometry of training latents, float [N, D], and of points to score, under a bandwidth.

        Raises:
            ConfigError: The bandwidth is not a number from 1e-15 to 1e15.
        """
        require_width(sigma)
        mean, unit = z_ND.mean(0).double(), sigma * sqrt(2)
        if z_ND.dtype == torch.float64:
            return cls(mean, unit, torch.float64)
        largest = max(float(_distances(z, mean).max()) for z in (z_ND, *points_MD) if len(z)) / unit
        rounding = 4 * torch.finfo(torch.float32).eps / 2 * largest**2
        return cls(mean, unit, torch.float32 if rounding <= _TOLERANCE else torch.float64)

    def in_float64(self) -> Self:
        """Returns the same geometry, computing in float64."""
        return replace(self, dtype=torch.float64)

    def place(self, z_MD: Tensor) -> Tensor:
        """Returns u, [M, D] of the geometry's type."""
        return (z_MD.to(self.dtype) - self.mean_D.to(self.dtype)).div_(self.unit)
