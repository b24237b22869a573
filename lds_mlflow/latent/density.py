r"""The latent density score, in log space (draft, section 3.2).

    LDS(z) = 1/N sum_k exp(-|z - z_k|^2 / (2 sigma^2))

From 32 dimensions on its values underflow, so everything here is log LDS, by logsumexp in float64.

A candidate at alpha = 0.1 lies 0.1 |z_i - z_j| from its nearer parent, so in many dimensions its own two parents supply
nearly the whole sum, and the score says only how close to a training image the candidate is. Leaving the endpoints out
of the sum (and out of N) scores it by the rest.
"""

from math import log

import torch
from torch import Tensor

from lds_mlflow.errors import DataError
from lds_mlflow.values import Candidates, Scores

__all__ = ["log_density", "score_candidates"]

_TILE_ENTRIES = 2**22


def score_candidates(
    candidates: Candidates, z_ND: Tensor, *, sigma: float, leave_endpoints_out: bool = False
) -> Scores:
    """Scores candidates against the training latents that they were made of.

    Args:
        candidates: M candidates; their parents are rows of z_ND.
        z_ND: Training latents, float [N, D].
        sigma: Bandwidth, in latent units.
        leave_endpoints_out: Whether each candidate's two parents are left out of its sum.

    Raises:
        DataError: See `log_density`.
    """
    left_out = candidates.parents_M2 if leave_endpoints_out else None
    return Scores(
        log_lds_M=log_density(candidates.z_MD, z_ND, sigma=sigma, left_out_MK=left_out),
        sigma=sigma,
        endpoints_left_out=leave_endpoints_out,
    )


def log_density(z_MD: Tensor, z_ND: Tensor, *, sigma: float, left_out_MK: Tensor | None = None) -> Tensor:
    """Returns log LDS of points, float64 [M], on the CPU; memory is bounded by tiles.

    Args:
        z_MD: Points, float [M, D].
        z_ND: Training latents, float [N, D], on the same device.
        sigma: Bandwidth, in latent units.
        left_out_MK: Rows of z_ND that each point's sum leaves out, int64 [M, K], all different in a row.

    Raises:
        DataError: A latent is not finite, or nothing is left in the sums.
    """
    n = len(z_ND) - (0 if left_out_MK is None else left_out_MK.shape[1])
    if n < 1:
        raise DataError(
            "the training latents",
            found=f"{len(z_ND)}",
            expected="at least one more than each sum leaves out",
            remedy="Bring more training images, or keep the endpoints in.",
        )
    _require_finite(z_ND, "training latent")
    _require_finite(z_MD, "point to score")
    # Distances don't depend on the origin; near the mean the expansion of the square loses the fewest digits.
    origin = z_ND.double().mean(0)
    training, points = z_ND.double() - origin, z_MD.double() - origin
    rows = max(1, _TILE_ENTRIES // len(z_ND))
    tiles = []
    for start in range(0, len(points), rows):
        exponent = _exponents(points[start : start + rows], training, sigma)
        if left_out_MK is not None:
            exponent.scatter_(1, left_out_MK[start : start + rows].to(exponent.device), -torch.inf)
        tiles.append(torch.logsumexp(exponent, dim=1) - log(n))
    return torch.cat(tiles).cpu() if tiles else torch.empty(0, dtype=torch.float64)


def _exponents(points: Tensor, training: Tensor, sigma: float) -> Tensor:
    squared = points.square().sum(1)[:, None] + training.square().sum(1) - 2 * points @ training.T
    return squared.clamp_min_(0).mul_(-0.5 / sigma**2)


def _require_finite(z: Tensor, what: str) -> None:
    broken = (~torch.isfinite(z).all(1)).nonzero().flatten().tolist()
    if broken:
        raise DataError(
            f"{what} {broken[0]}",
            found=f"a value that is not finite ({len(broken)} such rows)",
            expected="finite numbers",
            remedy="Train the model again with a smaller learning rate.",
        )
