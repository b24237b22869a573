"""Rules that keep what lies above a threshold, which is given or found from the scores, and prefer none of it."""

from dataclasses import dataclass, field
from math import inf, log

import torch
from torch import Tensor

from lds_mlflow.latent.selecting.rules import Ranking, require_tau
from lds_mlflow.latent.selecting.thresholds import conformal, highest_density, knee, modes, otsu, typical_band

__all__ = ["ConformalThreshold", "HighestDensity", "Knee", "Otsu", "ScoreBand", "Threshold", "TypicalSet"]


@dataclass(frozen=True, slots=True)
class ScoreBand:
    """The candidates whose log LDS lies above one threshold and not above another, none preferred to another."""

    words: str
    above: float = -inf
    up_to: float = inf
    warnings: tuple[str, ...] = ()
    figures: dict[str, float] = field(default_factory=dict)

    def choose(self, log_lds_M: Tensor, generator: torch.Generator) -> Ranking:
        """See `Rule`."""
        passing = ((log_lds_M > self.above) & (log_lds_M <= self.up_to)).nonzero().flatten()
        order = passing[torch.randperm(len(passing), generator=generator)]
        figures = {
            name: value for name, value in (("log_tau", self.above), ("log_ceiling", self.up_to)) if abs(value) < inf
        }
        return Ranking(order, len(order), {"passing": len(order)}, figures | self.figures, self.warnings)


@dataclass(frozen=True, slots=True)
class Threshold:
    """The candidates with LDS > tau, none preferred to another."""

    tau: float = 0.28

    def __post_init__(self) -> None:
        require_tau(self.tau)

    @property
    def words(self) -> str:
        """The rule in words."""
        return f"LDS > {self.tau:g}"

    def choose(self, log_lds_M: Tensor, generator: torch.Generator) -> Ranking:
        """See `Rule`."""
        return ScoreBand(self.words, above=log(self.tau)).choose(log_lds_M, generator)


@dataclass(frozen=True, slots=True)
class ConformalThreshold:
    """The candidates as dense as a stated share of fresh real latents. See `thresholds.conformal`.

    Attributes:
        share: The share, in (0, 1).
        held_out_H: log LDS of held-out real latents, float64 [H].
    """

    share: float
    held_out_H: Tensor

    @property
    def words(self) -> str:
        """The rule in words."""
        return f"as dense as {self.share:.0%} of held-out real latents"

    def choose(self, log_lds_M: Tensor, generator: torch.Generator) -> Ranking:
        """See `Rule`."""
        return ScoreBand(self.words, above=just_below(conformal(self.held_out_H, self.share))).choose(
            log_lds_M, generator
        )


@dataclass(frozen=True, slots=True)
class HighestDensity:
    """The candidates in the highest-density region of a mass. See `thresholds.highest_density`.

    Attributes:
        mass: The mass, in (0, 1).
        training_N: log LDS of the training latents, each left out of its own sum, float64 [N].
    """

    mass: float
    training_N: Tensor

    @property
    def words(self) -> str:
        """The rule in words."""
        return f"in the highest-density region of {self.mass:.0%} of the training latents"

    def choose(self, log_lds_M: Tensor, generator: torch.Generator) -> Ranking:
        """See `Rule`."""
        return ScoreBand(self.words, above=just_below(highest_density(self.training_N, self.mass))).choose(
            log_lds_M, generator
        )


@dataclass(frozen=True, slots=True)
class TypicalSet:
    """The candidates as dense as the middle of the training latents: both tails are cut (after Nalisnick et al. 2019).

    Attributes:
        mass: The share of the training latents in the band, in (0, 1).
        training_N: log LDS of the training latents, each left out of its own sum, float64 [N].
    """

    mass: float
    training_N: Tensor

    @property
    def words(self) -> str:
        """The rule in words."""
        return f"as dense as the middle {self.mass:.0%} of the training latents"

    def choose(self, log_lds_M: Tensor, generator: torch.Generator) -> Ranking:
        """See `Rule`."""
        low, high = typical_band(self.training_N, self.mass)
        return ScoreBand(self.words, above=just_below(low), up_to=high).choose(log_lds_M, generator)


@dataclass(frozen=True, slots=True)
class Otsu:
    """The candidates above the cut of largest variance between its sides. See `thresholds.otsu`."""

    words: str = "above Otsu's threshold"

    def choose(self, log_lds_M: Tensor, generator: torch.Generator) -> Ranking:
        """See `Rule`."""
        return _by_shape(self.words, otsu(log_lds_M), log_lds_M).choose(log_lds_M, generator)


@dataclass(frozen=True, slots=True)
class Knee:
    """The candidates above the knee of the sorted scores. See `thresholds.knee`."""

    words: str = "above the knee of the sorted scores"

    def choose(self, log_lds_M: Tensor, generator: torch.Generator) -> Ranking:
        """See `Rule`."""
        return _by_shape(self.words, knee(log_lds_M), log_lds_M).choose(log_lds_M, generator)


def just_below(log_tau: float) -> float:
    """Returns the next lower number, so that what reaches a threshold is above it."""
    return torch.nextafter(torch.tensor(log_tau, dtype=torch.float64), torch.tensor(-inf, dtype=torch.float64)).item()


def _by_shape(words: str, log_tau: float, log_lds_M: Tensor) -> ScoreBand:
    found = modes(log_lds_M)
    warnings = () if found.n > 1 else (f"The scores have one mode: the threshold {words} separates nothing natural.",)
    return ScoreBand(words, above=log_tau, warnings=warnings, figures={"modes": found.n, "valley": found.valley})
