r"""The latent density score of interpolants without interpolating: exact, and at a cost that hardly depends on D.

For z = (1-a) z_i + a z_j the squared distance to a training latent is a sum over the two parents,

    |z - z_k|^2 = (1-a) |z_i - z_k|^2 + a |z_j - z_k|^2 - a(1-a) |z_i - z_j|^2,

so with U_ik = |z_i - z_k|^2 / (2 sigma^2) every term of the score is a product of powers of two kernels:

    N LDS_ij(a) = exp(a(1-a) U_ij) sum_k exp(-U_ik)^(1-a) exp(-U_jk)^a.

Each anchor (a latent that is a parent) needs its distances once, whatever the number of pairs and alphas it serves.
On the grid a = t/10 all nine scores of a pair come from one exponential an anchor, x_ik = exp(-(U_ik - s_i) / 10):
they are sums of x_ik^(10-t) x_jk^t. The shift s_i keeps them in range. Derivation: docs/method.md.

The parents are always left out of the sum, by zeros, and added in closed form where they count:
|z - z_i|^2 = a^2 |z_i - z_j|^2. What float32 can't hold is found by a bound, and computed again in float64.
"""

from math import log

import torch
from torch import Tensor

from lds_mlflow.choices.interpolations import LINEAR
from lds_mlflow.errors import ConfigError
from lds_mlflow.latent.checks import require_finite
from lds_mlflow.latent.geometry import TENTHS, Geometry, blocks, empty
from lds_mlflow.latent.scoring.anchors import RELATIVE_LOSS, Anchors, beyond_reach, log_loss
from lds_mlflow.latent.scoring.density import log_density, require_terms
from lds_mlflow.latent.scoring.kernels import add_pair_power_sums
from lds_mlflow.machine.arrays import taking_arrays
from lds_mlflow.values import Candidates, Scores

__all__ = ["exact_interpolants", "is_factorable", "log_endpoints", "pair_log_sums", "score_factored"]

_STRIPE_ENTRIES, _FEWEST_COLUMNS, _MOST_COLUMNS = {"cpu": 2**24, "cuda": 2**28}, 128, 2048
_PAIRS, _RESCORED_AT_ONCE = 1024, 2**14


@taking_arrays
def score_factored(candidates: Candidates, z_ND: Tensor, *, sigma: float, leave_endpoints_out: bool = False) -> Scores:
    """Scores linear interpolants on the grid of tenths; fastest where parents recur and pairs have all nine alphas.

    Args:
        candidates: M candidates; their parents are rows of z_ND.
        z_ND: Training latents, float [N, D].
        sigma: Bandwidth, in latent units.
        leave_endpoints_out: Whether each candidate's two parents are left out of its sum.

    Raises:
        ConfigError: The candidates are not linear interpolants on the grid of tenths.
        DataError: A latent is not finite, or nothing is left in the sums.
    """
    if not is_factorable(candidates):
        raise ConfigError(
            "the factored scorer",
            found=f"{candidates.interpolation} interpolants, not all of them at tenths",
            expected="linear interpolants at tenths",
            remedy="Score these with score_directly.",
        )
    n = require_terms(z_ND, 2 if leave_endpoints_out else 0)
    require_finite(z_ND, "training latent")
    geometry = Geometry.of(z_ND, sigma)
    log_sum_M, lost_M = _score(candidates, z_ND, geometry, leave_endpoints_out)
    rescored = int(lost_M.sum())
    if rescored and geometry.dtype == torch.float32:
        exact = geometry.in_float64()
        again = lost_M.nonzero().flatten()
        log_sum_M[again], lost_M[again] = _score(candidates.take(again), z_ND, exact, leave_endpoints_out)
    log_lds_M = log_sum_M - log(n)
    for rows in lost_M.nonzero().flatten().split(_RESCORED_AT_ONCE) if lost_M.any() else ():
        lost = candidates.take(rows)
        left_out = lost.parents_M2 if leave_endpoints_out else None
        points = exact_interpolants(z_ND, lost.parents_M2, (TENTHS * lost.alpha_M).round())
        log_lds_M[rows] = log_density(points, z_ND.double(), sigma=sigma, left_out_MK=left_out)
    return Scores(log_lds_M, sigma=sigma, endpoints_left_out=leave_endpoints_out, rescored=rescored)


def is_factorable(candidates: Candidates) -> bool:
    """Returns whether candidates are linear interpolants on the grid of tenths."""
    tenths = TENTHS * candidates.alpha_M
    return candidates.interpolation == LINEAR and bool(((tenths - tenths.round()).abs() < 1e-4).all())


def exact_interpolants(z_ND: Tensor, parents_M2: Tensor, tenth_M: Tensor) -> Tensor:
    """Returns linear interpolants at exact tenths, which float32 doesn't have, float64 [M, D].

    Args:
        z_ND: Training latents, float [N, D].
        parents_M2: Rows of the parents, int64 [M, 2].
        tenth_M: Ten times alpha, [M].
    """
    first, second = (z_ND[parents].double() for parents in parents_M2.T)
    return torch.lerp(first, second, (tenth_M.double() / TENTHS).to(first)[:, None])


def log_endpoints(a: Tensor | float, u_ij: Tensor) -> Tensor:
    """Returns the logarithm of what its two parents add to the sum of an interpolant.

    Args:
        a: Interpolation weights.
        u_ij: |z_i - z_j|^2 / (2 sigma^2) of the parents.
    """
    return torch.logaddexp(-(a**2) * u_ij, -((1 - a) ** 2) * u_ij)


def _score(
    candidates: Candidates, z_ND: Tensor, geometry: Geometry, leave_endpoints_out: bool
) -> tuple[Tensor, Tensor]:
    pairs_P2, pair_M, tenth_M = _distinct_pairs(candidates, len(z_ND))
    log_sum_P9, log_loss_P9 = pair_log_sums(pairs_P2.to(z_ND.device), z_ND, geometry, leave_endpoints_out)
    log_sum_M = log_sum_P9[pair_M, tenth_M - 1]
    lost_M = ~(log_loss_P9[pair_M, tenth_M - 1] - log_sum_M < log(RELATIVE_LOSS))
    return log_sum_M, lost_M


def _distinct_pairs(candidates: Candidates, n: int) -> tuple[Tensor, Tensor, Tensor]:
    # (i, j, a) is (j, i, 1 - a).
    first, second = candidates.parents_M2.cpu().T
    tenth = (TENTHS * candidates.alpha_M.cpu()).round().long()
    low, high = torch.minimum(first, second), torch.maximum(first, second)
    keys, pair_M = torch.unique(low * n + high, return_inverse=True)
    return torch.stack([keys // n, keys % n], dim=1), pair_M, torch.where(first <= second, tenth, TENTHS - tenth)


def pair_log_sums(
    pairs_P2: Tensor, z_ND: Tensor, geometry: Geometry, leave_endpoints_out: bool
) -> tuple[Tensor, Tensor]:
    """Returns log (N LDS), and the logarithm of what underflow may have taken from N LDS, float64 [P, 9] on the CPU.

    Args:
        pairs_P2: Different pairs of rows of z_ND, int64 [P, 2].
        z_ND: Training latents, float [N, D], on the same device.
        geometry: Their geometry.
        leave_endpoints_out: Whether the parents are left out.
    """
    rows_L, local_P2 = torch.unique(pairs_P2, return_inverse=True)
    anchors = Anchors.of(rows_L, z_ND, geometry)
    sums_P9, excess_L = _power_sums(anchors, local_P2, z_ND, geometry)
    a = torch.arange(1, TENTHS, dtype=torch.float64, device=z_ND.device) / TENTHS
    u_ij = _half_squares(anchors.u_LD, local_P2)[:, None]
    shift, excess = (
        (1 - a) * x[:, :1] + a * x[:, 1:] for x in (anchors.shift_L.double()[local_P2], excess_L[local_P2])
    )
    scale = a * (1 - a) * u_ij - shift
    log_sum = sums_P9.log() + scale
    if not leave_endpoints_out:
        log_sum = torch.logaddexp(log_sum, log_endpoints(a, u_ij))
    losses = log_loss(len(z_ND), geometry.dtype) + excess + scale
    return log_sum.cpu(), losses.cpu()


def _power_sums(anchors: Anchors, local_P2: Tensor, z_ND: Tensor, geometry: Geometry) -> tuple[Tensor, Tensor]:
    n_anchors = len(anchors.rows_L)
    width = min(_STRIPE_ENTRIES[z_ND.device.type] // n_anchors, _MOST_COLUMNS)
    # Products are faster where rows begin as vectors do.
    width = max(width - width % _FEWEST_COLUMNS, _FEWEST_COLUMNS)
    buffer = empty(n_anchors, width, like=anchors.u_LD).view(-1)
    sums_P9 = torch.zeros(len(local_P2), TENTHS - 1, dtype=torch.float64, device=z_ND.device)
    excess_L = torch.zeros(n_anchors, dtype=torch.float64, device=z_ND.device)
    for stripe in blocks(len(z_ND), width):
        columns = torch.arange(stripe.start, stripe.stop, device=z_ND.device)
        out = buffer[: n_anchors * len(columns)].view(n_anchors, -1)
        roots, largest = anchors.roots(geometry.place(z_ND[stripe]), columns, out)
        torch.maximum(excess_L, largest.double(), out=excess_L)
        add_pair_power_sums(roots, local_P2, sums_P9)
    return sums_P9, beyond_reach(excess_L)


def _half_squares(u_LD: Tensor, local_P2: Tensor) -> Tensor:
    parts = [(u_LD[pairs[:, 0]] - u_LD[pairs[:, 1]]).square().sum(1) for pairs in local_P2.split(_PAIRS)]
    return torch.cat(parts).double()
