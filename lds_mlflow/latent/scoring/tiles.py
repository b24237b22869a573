"""Scores of the pairs of some rows with some columns of the training latents, at every alpha on the grid of tenths.

The mathematics is in exhaustive.py and factored.py.
"""

from collections.abc import Callable
from math import isqrt

import torch
from torch import Tensor

from lds_mlflow.latent.geometry import TENTHS, Geometry, blocks, empty
from lds_mlflow.latent.scoring.anchors import Anchors, beyond_reach, log_loss
from lds_mlflow.latent.scoring.factored import log_endpoints
from lds_mlflow.latent.scoring.kernels import exp_of_multiple

__all__ = ["Tile"]

_LARGEST_SIDE, _LARGEST_BYTES, _DEPTH, _DIAGONAL_SIDE = 4096, 5 * 2**27, 2048, 1024


class Tile:
    """A square of pairs (i, j).

    Args:
        rows: The rows i.
        columns: The rows j; the same or higher ones.
        z_ND: Training latents, float [N, D].
        geometry: Their geometry.

    Attributes:
        tenths: The t of the alphas t/10 at which its pairs are not met elsewhere.
        n_interpolants: How many interpolants its pairs have, over all these alphas.
    """

    def __init__(self, rows: slice, columns: slice, z_ND: Tensor, geometry: Geometry) -> None:
        self.rows, self.columns = rows, columns
        self._on_diagonal = rows == columns
        # (i, j, a) is (j, i, 1-a): both orders of a pair lie in a tile on the diagonal.
        self.tenths = range(1, TENTHS // 2 + 1) if self._on_diagonal else range(1, TENTHS)
        n_rows, n_columns = rows.stop - rows.start, columns.stop - columns.start
        self.n_interpolants = (TENTHS - 1) * (n_rows * (n_rows - 1) // 2 if self._on_diagonal else n_rows * n_columns)
        self._z_ND, self._geometry = z_ND, geometry
        self._of_rows, self._of_columns = self._anchors(rows), self._anchors(columns)
        self._excess_I = torch.zeros_like(self._of_rows.shift_L)
        self._excess_J = torch.zeros_like(self._of_columns.shift_L)
        minus_u = torch.addmm(-self._of_columns.square_L, self._of_rows.u_LD, self._of_columns.u_LD.T, alpha=2)
        self._u_IJ = minus_u.sub_(self._of_rows.square_L[:, None]).neg_().clamp_(min=0)

    @staticmethod
    def cover(n: int, dtype: torch.dtype) -> list[tuple[slice, slice]]:
        """Returns rows and columns of tiles that hold each pair of 0..n-1 once, and whose memory is bounded."""
        largest = min(_LARGEST_SIDE, isqrt(_LARGEST_BYTES // ((TENTHS - 1) * dtype.itemsize)))
        sides = list(blocks(n, largest))
        return [(rows, columns) for i, rows in enumerate(sides) for columns in sides[i:]]

    def surplus(self, t: int, rows: slice) -> Tensor | None:
        """Returns which entries of some rows are no pairs, or pairs that another entry holds, bool [rows, columns].

        None stands for none of them.
        """
        if not self._on_diagonal:
            return None
        i, j = (torch.arange(n, device=self._u_IJ.device) for n in self._u_IJ.shape)
        i = i[rows, None]
        return i >= j if 2 * t == TENTHS else i == j

    def power_sums(self, progress: Callable[[float], None]) -> Tensor:
        """Returns sum_k F(1-a)_ik F(a)_jk for every tenth, [tenths, rows, columns].

        Args:
            progress: Is told the share of the tile's work that was just done.
        """
        n = len(self._z_ND)
        rows, columns = self._u_IJ.shape
        sums = empty(len(self.tenths) * rows, columns, like=self._u_IJ).view(-1, rows, columns)
        buffers = [empty(side, min(_DEPTH, n), like=sums).view(-1) for side in self._u_IJ.shape for _ in range(2)]
        for chunk in blocks(n, _DEPTH):
            own = torch.arange(chunk.start, chunk.stop, device=self._z_ND.device)
            v_CD = self._geometry.place(self._z_ND[chunk])
            e_I, f_I, e_J, f_J = (
                buffer[: len(buffer) // min(_DEPTH, n) * len(v_CD)].view(-1, len(v_CD)) for buffer in buffers
            )
            self._of_rows.exponents(v_CD, own, e_I)
            if self._on_diagonal:
                e_J = e_I
            else:
                self._of_columns.exponents(v_CD, own, e_J)
            torch.maximum(self._excess_I, e_I.amax(1), out=self._excess_I)
            torch.maximum(self._excess_J, e_J.amax(1), out=self._excess_J)
            for t, sum_IJ in zip(self.tenths, sums, strict=True):
                f_I, f_J = exp_of_multiple(e_I, 1 - t / TENTHS, f_I), exp_of_multiple(e_J, t / TENTHS, f_J)
                above = self._on_diagonal and 2 * t == TENTHS
                _add_product(sum_IJ, f_I, f_J, first=chunk.start == 0, above_diagonal=above)
            progress(len(own) / n)
        self._excess_I, self._excess_J = beyond_reach(self._excess_I), beyond_reach(self._excess_J)
        return sums

    def log_sums(
        self, power_sum_RJ: Tensor, t: int, rows: slice, *, leave_endpoints_out: bool
    ) -> tuple[Tensor, Tensor]:
        """Returns log (N LDS), and the logarithm of what underflow may have taken from N LDS, both [rows, columns].

        Args:
            power_sum_RJ: The power sums of some rows at this tenth; overwritten.
            t: The tenth.
            rows: Which rows of the tile they are.
            leave_endpoints_out: Whether the parents are left out.
        """
        a = t / TENTHS
        u_RJ = self._u_IJ[rows]
        shift_R, shift_J = (1 - a) * self._of_rows.shift_L[rows], a * self._of_columns.shift_L
        scale = (a * (1 - a) * u_RJ).sub_(shift_R[:, None]).sub_(shift_J)
        log_sum = power_sum_RJ.log_().add_(scale)
        if not leave_endpoints_out:
            log_sum = torch.logaddexp(log_sum, log_endpoints(a, u_RJ), out=log_sum)
        lost_R = (1 - a) * self._excess_I[rows] + log_loss(len(self._z_ND), scale.dtype)
        return log_sum, scale.add_(lost_R[:, None]).add_(a * self._excess_J)

    def _anchors(self, rows: slice) -> Anchors:
        return Anchors.of(torch.arange(rows.start, rows.stop, device=self._z_ND.device), self._z_ND, self._geometry)


def _add_product(sum_IJ: Tensor, f_IC: Tensor, f_JC: Tensor, *, first: bool, above_diagonal: bool) -> None:
    # With beta = 0 what was in the memory doesn't count.
    beta = 0 if first else 1
    if not above_diagonal:
        sum_IJ.addmm_(f_IC, f_JC.T, beta=beta)
        return
    for rows in blocks(len(f_IC), _DIAGONAL_SIDE):
        above = slice(rows.start, len(f_JC))
        sum_IJ[rows, above].addmm_(f_IC[rows], f_JC[above].T, beta=beta)
