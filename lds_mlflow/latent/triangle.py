"""Squared distances among a set of latents, each computed once: a symmetric matrix by the blocks above its diagonal."""

import torch
from torch import Tensor

from lds_mlflow.latent.geometry import blocks, empty

__all__ = ["Triangle"]


class Triangle:
    """Minus the squared distances of all pairs of u_ND, float [N, D], in half the products and half the memory."""

    SIDE = 2048
    """Rows and columns of a block."""

    def __init__(self, u_ND: Tensor) -> None:
        square = u_ND.square().sum(1)
        self._rows = list(blocks(len(u_ND), self.SIDE))
        self._blocks = {}
        for r, rows in enumerate(self._rows):
            for c, columns in list(enumerate(self._rows))[r:]:
                block = empty(len(square[rows]), len(square[columns]), like=u_ND)
                torch.mm(u_ND[rows] * 2, u_ND[columns].T, out=block)
                self._blocks[r, c] = block.sub_(square[columns]).sub_(square[rows, None])

    @classmethod
    def entries(cls, n: int) -> int:
        """Returns how many numbers it holds for n latents."""
        return n * (n + cls.SIDE) // 2

    def columns(self, stripe: slice, out: Tensor) -> Tensor:
        """Sets and returns out = -|u_i - u_k|^2 for all i and the k of a stripe, [N, C], C a divisor of SIDE."""
        c = stripe.start // self.SIDE
        own = slice(stripe.start - c * self.SIDE, stripe.stop - c * self.SIDE)
        for r, rows in enumerate(self._rows):
            out[rows] = self._blocks[r, c][:, own] if r <= c else self._blocks[c, r][own].T
        return out
