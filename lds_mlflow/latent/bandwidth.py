r"""The width sigma of the kernel, and how many neighbours it reaches.

norm/5      a fifth of the mean L2 norm (draft, section 3.2); it depends on where the origin is
scott       s N^(-1/(D+4)), with s^2 the mean variance of a dimension (Scott 1992)
silverman   s (N (D+2)/4)^(-1/(D+4)) (Silverman 1986)
median      the median distance of two latents (the median heuristic; Garreau et al. 2017)
knn         the mean distance to the tenth nearest latent
loo         the maximum of the leave-one-out likelihood of the isotropic density (Habbema et al. 1974; Duin 1976)
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, log, sqrt

import torch
from torch import Tensor

from lds_mlflow.choices import load
from lds_mlflow.choices.bandwidths import BANDWIDTHS, LARGEST_WIDTH, SMALLEST_WIDTH, WIDTHS, parse_bandwidth
from lds_mlflow.errors import DataError
from lds_mlflow.latent.checks import require_finite, require_width
from lds_mlflow.latent.geometry import blocks
from lds_mlflow.machine.arrays import taking_arrays
from lds_mlflow.values import evenly_spread

__all__ = [
    "Bandwidth",
    "bandwidth",
    "effective_neighbours",
    "leave_one_out",
    "median_distance",
    "norm_fifth",
    "scott",
    "silverman",
    "tenth_nearest",
]

_QUERIES, _FEWEST_QUERIES, _ENTRIES, _ROWS = 1000, 32, 2**25, 8192
_NEIGHBOUR = 10
_GOLDEN, _SEARCH_WIDTH = (sqrt(5) - 1) / 2, 1e-3
_FEW = 5


@dataclass(frozen=True, slots=True)
class Bandwidth:
    """A bandwidth with what it means.

    Attributes:
        sigma: In latent units.
        effective_neighbours: See `effective_neighbours`.
        warning: What a person should know about it, or nothing.
    """

    sigma: float
    effective_neighbours: float
    warning: str


@taking_arrays
def bandwidth(z_ND: Tensor, rule: str, *, multiplier: float = 1.0) -> Bandwidth:
    """Returns the bandwidth by a rule.

    Distances are taken from at most 1,000 latents, evenly spread, to all of them.

    Args:
        z_ND: Training latents in the space in which density is measured, float [N, D].
        rule: A name of BANDWIDTHS, or a number from 1e-15 to 1e15.
        multiplier: What the width is multiplied by.

    Raises:
        ConfigError: The rule is neither.
        DataError: There are fewer than two latents, one is not finite, or the width is not from 1e-15 to 1e15.
    """
    number = parse_bandwidth(rule)
    require_finite(z_ND, "training latent")
    _require_two(z_ND)
    sigma = multiplier * (load(BANDWIDTHS[rule].at)(z_ND) if number is None else number)
    if not SMALLEST_WIDTH <= sigma <= LARGEST_WIDTH:
        alike = "The latents are all alike: train longer, or with a smaller kl_weight."
        raise DataError(
            f"the bandwidth by the rule {rule}" + (f" times {multiplier:g}" if multiplier != 1 else ""),
            found=f"{sigma:g}",
            expected=WIDTHS,
            remedy=alike if multiplier == 1 else "Give another multiplier: 1 leaves the width as it is.",
        )
    neighbours = effective_neighbours(z_ND, sigma)
    return Bandwidth(sigma, neighbours, _warning(neighbours, len(z_ND)))


@taking_arrays
def effective_neighbours(z_ND: Tensor, sigma: float) -> float:
    """Returns how many other latents a kernel reaches: the median of (sum w)^2 / sum w^2 over latents (Kish 1965).

    Args:
        z_ND: Training latents, float [N, D].
        sigma: Bandwidth, in latent units.

    Raises:
        ConfigError: The bandwidth is not a number from 1e-15 to 1e15.
    """
    require_width(sigma)
    log_weights = -_squared_distances(z_ND) / (2 * sigma**2)
    kish = (2 * log_weights.logsumexp(1) - (2 * log_weights).logsumexp(1)).exp()
    return float(kish.median())


def _warning(neighbours: float, n: int) -> str:
    if neighbours < _FEW:
        return (
            f"The kernel reaches {neighbours:.1f} neighbours: the score says little but how near the nearest training "
            "latent is. A larger sigma reaches more."
        )
    if neighbours > n / 2:
        return (
            f"The kernel reaches {neighbours:.0f} of {n} latents: the score says little but how near the mean is. "
            "A smaller sigma sees more of the shape."
        )
    return ""


def _require_two(z_ND: Tensor) -> None:
    if len(z_ND) < 2:
        raise DataError(
            "the training latents",
            found=f"{len(z_ND)}",
            expected="at least 2, to have distances",
            remedy="Bring more training examples.",
        )


def norm_fifth(z_ND: Tensor) -> float:
    """Returns a fifth of the mean L2 norm (draft, section 3.2)."""
    return float(z_ND.double().norm(dim=1).mean()) / 5


def _spread(z_ND: Tensor) -> float:
    return float(z_ND.double().var(0).mean().sqrt())


def scott(z_ND: Tensor) -> float:
    """Returns the width by Scott (1992)."""
    n, d = z_ND.shape
    return _spread(z_ND) * float(n ** (-1 / (d + 4)))


def silverman(z_ND: Tensor) -> float:
    """Returns the width by Silverman (1986)."""
    n, d = z_ND.shape
    return _spread(z_ND) * float((n * (d + 2) / 4) ** (-1 / (d + 4)))


def median_distance(z_ND: Tensor) -> float:
    """Returns the median distance of two latents (Garreau et al. 2017)."""
    squared = _squared_distances(z_ND)
    return float(squared[squared < torch.inf].median().sqrt())


def tenth_nearest(z_ND: Tensor) -> float:
    """Returns the mean distance to the tenth nearest latent."""
    squared = _squared_distances(z_ND)
    return float(squared.kthvalue(min(_NEIGHBOUR, len(z_ND) - 1), dim=1).values.sqrt().mean())


def leave_one_out(z_ND: Tensor) -> float:
    """Returns the maximum of the leave-one-out likelihood, or 0 where all latents are alike."""
    squared, d = _squared_distances(z_ND), z_ND.shape[1]
    finite = squared[(squared > 0) & (squared < torch.inf)]
    if not len(finite):
        return 0.0
    # Copies of a latent make the likelihood grow without bound as sigma goes to 0: what is tried begins at the
    # distances.
    low, high = log(finite.min().sqrt().item() / sqrt(2 * d)), log(finite.max().sqrt().item())

    def log_likelihood(log_sigma: float) -> float:
        log_sums = (-squared / (2 * exp(2 * log_sigma))).logsumexp(1)
        return log_sums.mean().item() - d * log_sigma

    return exp(_golden_section(log_likelihood, low, high))


def _golden_section(function: Callable[[float], float], low: float, high: float) -> float:
    """Returns where a function of one maximum between low and high has it (Kiefer 1953)."""
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = function(left), function(right)
    while high - low > _SEARCH_WIDTH:
        if at_left > at_right:
            high, right, at_right = right, left, at_left
            left = high - _GOLDEN * (high - low)
            at_left = function(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + _GOLDEN * (high - low)
            at_right = function(right)
    return (low + high) / 2


def _squared_distances(z_ND: Tensor) -> Tensor:
    """Returns squared distances of some latents, evenly spread, to all, infinite to themselves, float64 [Q, N]."""
    n = len(z_ND)
    rows = evenly_spread(n, min(_QUERIES, max(_FEWEST_QUERIES, _ENTRIES // n))).to(z_ND.device)
    queries = z_ND[rows].double()
    # Not by a matrix product: it would lose the distances of latents that are nearly alike.
    exact = "donot_use_mm_for_euclid_dist"
    parts = [torch.cdist(queries, z_ND[part].double(), compute_mode=exact) for part in blocks(n, _ROWS)]
    distances = torch.cat(parts, dim=1).cpu()
    distances[torch.arange(len(rows)), rows.cpu()] = torch.inf
    return distances.square_()
