r"""Thresholds on log LDS that nobody has to set by hand, and whether the scores have two modes at all.

conformal         a stated share of fresh real latents passes, by the order statistics of held-out ones:
                  P(pass) >= share for exchangeable latents (Vovk, Gammerman & Shafer 2005; Lei et al. 2018)
highest density   the highest-density region of a stated mass, by the training latents, each left out of its
                  own sum (Hyndman 1996)
otsu              the cut of largest variance between the two sides (Otsu 1979), exact on the sorted scores
knee              the farthest point from the chord of the sorted scores (Satopaa et al. 2011, without smoothing)
"""

from dataclasses import dataclass
from math import floor

import torch
from torch import Tensor

from lds_mlflow.errors import ConfigError, DataError
from lds_mlflow.machine.arrays import taking_arrays

__all__ = ["Modes", "conformal", "highest_density", "knee", "modes", "otsu", "typical_band"]

_GRID, _SHALLOW, _LOW, _SAMPLE = 512, 0.8, 0.05, 20_000


@taking_arrays
def conformal(held_out_H: Tensor, share: float) -> float:
    """Returns log tau, which a fresh real latent reaches with a probability of at least `share`.

    Args:
        held_out_H: log LDS of real latents that are not among the training latents, float [H].
        share: The probability, in (0, 1).

    Raises:
        ConfigError: The share is out of range.
        DataError: There are too few held-out latents for it.
    """
    _require_share("the share", share)
    # A smaller share than one in all of them is reached by the densest.
    rank = min(floor((1 - share) * (len(held_out_H) + 1) + 1e-9), len(held_out_H))
    if rank < 1:
        raise DataError(
            "the held-out latents",
            found=f"{len(held_out_H)}",
            expected=f"at least {1 / (1 - share) - 1:.0f}, for a share of {share:g}",
            remedy="Raise select_fraction, or ask for a smaller share.",
        )
    return held_out_H.sort().values[rank - 1].item()


@taking_arrays
def highest_density(training_N: Tensor, mass: float) -> float:
    """Returns log tau of the highest-density region of a mass in (0, 1), from the scores of the training latents [N].

    Raises:
        ConfigError: The mass is out of range.
    """
    _require_share("the mass", mass)
    return torch.quantile(training_N, 1 - mass).item()


@taking_arrays
def typical_band(training_N: Tensor, mass: float) -> tuple[float, float]:
    """Returns the log LDS between which the middle of a mass in (0, 1) of the training latents lies.

    Raises:
        ConfigError: The mass is out of range.
    """
    _require_share("the mass", mass)
    return torch.quantile(training_N, (1 - mass) / 2).item(), torch.quantile(training_N, (1 + mass) / 2).item()


@taking_arrays
def otsu(log_lds_M: Tensor) -> float:
    """Returns log tau, half-way between the two sides of the cut of largest between-class variance.

    Raises:
        DataError: All scores are alike.
    """
    x = _rising(log_lds_M)
    n_below = torch.arange(1, len(x), dtype=torch.float64)
    # Centred, so that sums of squares of like scores don't cancel.
    sums = (x - x.mean()).cumsum(0)[:-1]
    between = sums.square() / (n_below * (len(x) - n_below))
    between[x[1:] == x[:-1]] = -torch.inf
    cut = int(between.argmax())
    return ((x[cut] + x[cut + 1]) / 2).item()


@taking_arrays
def knee(log_lds_M: Tensor) -> float:
    """Returns log tau, the score farthest from the chord of the sorted scores.

    Raises:
        DataError: All scores are alike.
    """
    x = _rising(log_lds_M)
    share = torch.linspace(0, 1, len(x), dtype=torch.float64)
    height = (x - x[0]) / (x[-1] - x[0])
    return x[(height - share).abs().argmax()].item()


@dataclass(frozen=True, slots=True)
class Modes:
    """What the smoothed histogram of scores looks like.

    Attributes:
        n: How many modes it has. A peak counts from 0.05 of the highest on (a few stray scores make lower ones), and a
            valley where it falls below 0.8 of the lower of its peaks.
        valley: The deepest valley over the lower of its peaks, in [0, 1]; 1 where there is one peak.
    """

    n: int
    valley: float


@taking_arrays
def modes(log_lds_M: Tensor) -> Modes:
    """Returns the modes of scores, float [M], smoothed by a Gaussian of Silverman's width (1986, equation 3.31)."""
    x = log_lds_M[torch.isfinite(log_lds_M)].double()
    if not len(x):
        return Modes(1, 1.0)
    x = x[torch.linspace(0, len(x) - 1, min(len(x), _SAMPLE)).long()].sort().values
    quartiles = torch.quantile(x, torch.tensor([0.25, 0.75], dtype=torch.float64))
    spread = min(x.std(correction=0).item(), (quartiles[1] - quartiles[0]).item() / 1.34)
    if not spread > 0:
        return Modes(1, 1.0)
    width = 0.9 * spread * len(x) ** -0.2
    grid = torch.linspace(x[0].item() - 3 * width, x[-1].item() + 3 * width, _GRID, dtype=torch.float64)
    density = torch.cat([torch.exp(-(((some[:, None] - x) / width) ** 2) / 2).sum(1) for some in grid.split(32)])
    return _count(density)


def _count(density: Tensor) -> Modes:
    inner = density[1:-1]
    is_peak = (inner > density[:-2]) & (inner >= density[2:]) & (inner >= _LOW * density.max())
    places = is_peak.nonzero().flatten() + 1
    found, deepest, last = 1, 1.0, places[0]
    for place in places[1:]:
        lower = torch.minimum(density[last], density[place])
        valley = (density[last : place + 1].min() / lower).item()
        deepest = min(deepest, valley)
        if valley < _SHALLOW:
            found, last = found + 1, place
        elif density[place] > density[last]:
            last = place
    return Modes(found, deepest)


def _rising(log_lds_M: Tensor) -> Tensor:
    x = log_lds_M[torch.isfinite(log_lds_M)].double().sort().values
    if not len(x) or x[0] == x[-1]:
        raise DataError(
            "the scores",
            found="scores that are all alike",
            expected="two different ones, to cut between",
            remedy="Give selection=top, which needs no threshold.",
        )
    return x


def _require_share(what: str, share: float) -> None:
    if not 0 < share < 1:
        raise ConfigError(what, found=str(share), expected="above 0 and below 1", remedy="0.9 is a usual choice.")
