r"""What the factored scores share (see factored.py for the mathematics): shifted exponents, and their range.

An anchor is a latent that is a parent. Its exponents against the training latents are s_i - U_ik, where the shift s_i
is its smallest U_ik over a sample of them; its own is left out.

A type of smallest normal number m loses at most m from each of the N terms of a sum, times exp((1-a) d_i + a d_j) where
d_i is how far an exponent of the anchor exceeds 0. A sum is kept where that is less than 1e-6 of it.
"""

from dataclasses import dataclass, replace
from math import log
from typing import Self

import torch
from torch import Tensor

from lds_mlflow.latent.geometry import TENTHS, Geometry, blocks, squared_norms
from lds_mlflow.latent.scoring.kernels import LEFT_OUT, exp_of_shifted
from lds_mlflow.values import evenly_spread

__all__ = ["RELATIVE_LOSS", "Anchors", "beyond_reach", "log_loss"]

RELATIVE_LOSS = 1e-6
"""Share of a sum that may be lost to underflow before it is computed again."""

_SAMPLE, _ROWS = 1024, 8192
_LARGEST_EXCESS = 60.0


@dataclass(frozen=True, slots=True)
class Anchors:
    """Latents that are parents.

    Attributes:
        rows_L: Their rows in the training latents, int64 [L].
        u_LD: Their places in units of the kernel, [L, D].
        shift_L: s_i, [L].
        square_L: |u_i|^2, [L].
    """

    rows_L: Tensor
    u_LD: Tensor
    shift_L: Tensor
    square_L: Tensor

    @classmethod
    def of(cls, rows_L: Tensor, z_ND: Tensor, geometry: Geometry) -> Self:
        """Places anchors, and measures their shifts against an evenly spread sample of the training latents."""
        u_LD = geometry.place(z_ND[rows_L])
        anchors = cls(rows_L, u_LD, u_LD.new_zeros(len(u_LD)), squared_norms(u_LD))
        sample = evenly_spread(len(z_ND), _SAMPLE).to(z_ND.device)
        v_CD = geometry.place(z_ND[sample])
        parts = (anchors._take(part) for part in blocks(len(u_LD), _ROWS))
        nearest = torch.cat([part.exponents(v_CD, sample).amax(1) for part in parts])
        # With no other latent in the sample there is nothing to measure against.
        return replace(anchors, shift_L=torch.where(nearest > LEFT_OUT, -nearest, 0))

    def exponents(self, v_CD: Tensor, columns_C: Tensor, out: Tensor | None = None) -> Tensor:
        """Returns s_i - U_ik, [L, C], with LEFT_OUT at the anchor's own column.

        Args:
            v_CD: Places of training latents, [C, D].
            columns_C: Their rows in the training latents, rising, int64 [C].
            out: Where to put it, [L, C].
        """
        exponents = self._products(v_CD, columns_C, out)
        exponents += (self.shift_L - self.square_L)[:, None]
        exponents -= squared_norms(v_CD)
        return exponents

    def roots(self, v_CD: Tensor, columns_C: Tensor, out: Tensor) -> tuple[Tensor, Tensor]:
        """Returns exp((s_i - U_ik) / 10), [L, C], with 0 at the anchor's own column, and the largest s_i - U_ik, [L].

        Arguments are those of `exponents`.
        """
        products = self._products(v_CD, columns_C, out)
        rows, columns = self.shift_L - self.square_L, squared_norms(v_CD).neg_()
        return products, exp_of_shifted(products, rows, columns, 1 / TENTHS)

    def _products(self, v_CD: Tensor, columns_C: Tensor, out: Tensor | None) -> Tensor:
        products = torch.mm(self.u_LD, 2 * v_CD.T, out=out)
        place = torch.searchsorted(columns_C, self.rows_L).clamp(max=len(columns_C) - 1)
        # Every row is written to, so that a GPU doesn't have to say first which rows have a column of their own.
        is_own, place_L1 = columns_C[place] == self.rows_L, place[:, None]
        return products.scatter_(1, place_L1, products.gather(1, place_L1).masked_fill_(is_own[:, None], LEFT_OUT))

    def _take(self, part: slice) -> Self:
        return replace(
            self,
            rows_L=self.rows_L[part],
            u_LD=self.u_LD[part],
            shift_L=self.shift_L[part],
            square_L=self.square_L[part],
        )


def beyond_reach(excess_L: Tensor) -> Tensor:
    """Returns how far exponents exceed 0, or infinity where their sums might overflow, and so can't be trusted."""
    return torch.where(excess_L > _LARGEST_EXCESS, torch.inf, excess_L)


def log_loss(n: int, dtype: torch.dtype) -> float:
    """Returns the logarithm of what a sum of n terms can lose to underflow, where no exponent exceeds 0."""
    return log(n) + log(torch.finfo(dtype).tiny)
