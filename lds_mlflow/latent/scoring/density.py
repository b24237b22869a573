r"""The latent density score of any points, in log space (draft, section 3.2).

    LDS(z) = 1/N sum_k exp(-|z - z_k|^2 / (2 sigma^2))

From 32 dimensions on its values underflow, so everything here is log LDS: one matrix product a tile, and a running
logsumexp over the tiles, whose range nothing can leave.

A candidate at alpha = 0.1 lies 0.1 |z_i - z_j| from its nearer parent, so in many dimensions its own two parents supply
nearly the whole sum, and the score says only how close to a training example the candidate is. Leaving the endpoints
out of the sum (and out of N) scores it by the rest.
"""

from math import log

import torch
from torch import Tensor

from lds_mlflow.errors import DataError
from lds_mlflow.latent.checks import require_finite
from lds_mlflow.latent.geometry import Geometry, blocks, squared_norms
from lds_mlflow.latent.scoring.kernels import LEFT_OUT, accumulate_logsumexp
from lds_mlflow.machine.arrays import taking_arrays

__all__ = ["leave_one_out_log_density", "log_density", "log_kernel_sums", "require_terms"]

_BLOCK, _PLACED = 16384, 4096
_TILES = {"cpu": (8192, 512), "cuda": (8192, 8192)}


@taking_arrays
def log_density(
    z_MD: Tensor, z_ND: Tensor, *, sigma: float, left_out_MK: Tensor | None = None, dtype: torch.dtype | None = None
) -> Tensor:
    """Returns log LDS of points, float64 [M], on the CPU. Memory beyond it doesn't grow with N or M.

    Args:
        z_MD: Points, float [M, D].
        z_ND: Training latents, float [N, D], on the same device.
        sigma: Bandwidth, in latent units.
        left_out_MK: Rows of z_ND that each point's sum leaves out, int64 [M, K], all different in a row.
        dtype: float64 to compute in it whatever the latents need; None computes float32 latents in float32 where that
            rounds an exponent by less than 1e-5.

    Raises:
        DataError: A latent is not finite, or nothing is left in the sums.
    """
    n = require_terms(z_ND, 0 if left_out_MK is None else left_out_MK.shape[1])
    return log_kernel_sums(z_MD, z_ND, sigma=sigma, left_out_MK=left_out_MK, dtype=dtype) - log(n)


def log_kernel_sums(
    z_MD: Tensor, z_ND: Tensor, *, sigma: float, left_out_MK: Tensor | None = None, dtype: torch.dtype | None = None
) -> Tensor:
    """Returns log sum_k exp(-|z - z_k|^2 / (2 sigma^2)), float64 [M], on the CPU: log LDS without the log of N.

    Arguments and errors are those of `log_density`; a -1 in left_out_MK leaves nothing out.
    """
    require_finite(z_ND, "training latent")
    require_finite(z_MD, "point to score")
    geometry = Geometry.of(z_ND if dtype is None else z_ND.to(dtype), sigma, z_MD)
    log_sums = torch.empty(len(z_MD), dtype=torch.float64)
    for rows in blocks(len(z_MD), _BLOCK):
        left_out = None if left_out_MK is None else left_out_MK[rows].to(z_ND.device)
        log_sums[rows] = _log_sums(geometry.place(z_MD[rows]), z_ND, geometry, left_out).cpu()
    return log_sums


@taking_arrays
def leave_one_out_log_density(z_ND: Tensor, *, sigma: float) -> Tensor:
    """Returns log LDS of the training latents, each left out of its own sum, float64 [N], on the CPU."""
    own_row = torch.arange(len(z_ND), device=z_ND.device)[:, None]
    return log_density(z_ND, z_ND, sigma=sigma, left_out_MK=own_row)


def require_terms(z_ND: Tensor, left_out: int) -> int:
    """Returns how many terms a sum has that leaves some out.

    Raises:
        DataError: None.
    """
    if len(z_ND) <= left_out:
        raise DataError(
            "the training latents",
            found=f"{len(z_ND)}",
            expected="at least one more than each sum leaves out",
            remedy="Bring more training examples, or keep the endpoints in.",
        )
    return len(z_ND) - left_out


def _log_sums(u_RD: Tensor, z_ND: Tensor, geometry: Geometry, left_out_RK: Tensor | None) -> Tensor:
    n_rows, n_columns = _TILES[u_RD.device.type]
    top = u_RD.new_full((len(u_RD),), LEFT_OUT)
    total = torch.zeros_like(top)
    buffer = u_RD.new_empty(n_rows * n_columns)
    for placed in blocks(len(z_ND), max(_PLACED, n_columns)):
        v_CD = geometry.place(z_ND[placed])
        minus_squares = squared_norms(v_CD).neg_()
        v_CD.mul_(2)
        for columns in blocks(len(v_CD), n_columns):
            v = v_CD[columns]
            for rows in blocks(len(u_RD), n_rows):
                u = u_RD[rows]
                exponents = torch.mm(u, v.T, out=buffer[: len(u) * len(v)].view(len(u), len(v)))
                if left_out_RK is not None:
                    _leave_out(exponents, left_out_RK[rows] - (placed.start + columns.start))
                accumulate_logsumexp(exponents, minus_squares[columns], top[rows], total[rows])
    return top.double() + total.double().log() - squared_norms(u_RD).double()


def _leave_out(exponents: Tensor, columns_RK: Tensor) -> None:
    row, which = ((columns_RK >= 0) & (columns_RK < exponents.shape[1])).nonzero(as_tuple=True)
    exponents[row, columns_RK[row, which]] = LEFT_OUT
