r"""The rules of selection, as types: each says which candidates may be kept, in which order, and how many.

The draft's rule (section 3.2) is "LDS(z) > tau = 0.28, the top 20 % of the candidates". It can be read in four ways,
which are the `combine` of `Paper`. tau = 0.28 can't be reached by most latents: where they are a centred Gaussian and
sigma is a fifth of their mean norm, LDS is at most 26^(-1/2) = 0.196 in any dimension.
"""

from dataclasses import dataclass, field
from math import exp, floor, inf, log
from typing import Protocol

import torch
from torch import Tensor

from lds_mlflow.choices import load, look_up
from lds_mlflow.choices.combinations import COMBINATIONS
from lds_mlflow.errors import ConfigError

__all__ = [
    "Paper",
    "PowerLaw",
    "RandomFraction",
    "Ranking",
    "Rule",
    "TopFraction",
    "keep_both",
    "keep_either",
    "keep_top_as_fallback",
    "keep_top_of_passing",
]


@dataclass(frozen=True, slots=True)
class Ranking:
    """What a rule makes of scores: an order of preference.

    Attributes:
        order_O: The candidates that may be kept, the preferred first, int64 [O].
        wanted: How many of them are to be kept.
        stages: Stages of the rule in words, with how many candidates pass each.
        figures: What the rule found out by itself, by name.
        warnings: What a person should know about it.
    """

    order_O: Tensor
    wanted: int
    stages: dict[str, int] = field(default_factory=dict)
    figures: dict[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


class Rule(Protocol):
    """A rule of selection."""

    @property
    def words(self) -> str:
        """The rule in words."""
        ...

    def choose(self, log_lds_M: Tensor, generator: torch.Generator, /) -> Ranking:
        """Applies the rule to scores, float64 [M]; the generator is its randomness, where it has any."""
        ...


@dataclass(frozen=True, slots=True)
class TopFraction:
    """The densest fraction of the candidates, in (0, 1]."""

    fraction: float = 0.2

    def __post_init__(self) -> None:
        _require_fraction(self.fraction)

    @property
    def words(self) -> str:
        """The rule in words."""
        return f"the top {self.fraction:.0%} by LDS"

    def choose(self, log_lds_M: Tensor, _: torch.Generator, /) -> Ranking:
        """See `Rule`. Ties go to the earlier candidate."""
        n_top = count_of(self.fraction, len(log_lds_M))
        return Ranking(falling(log_lds_M), n_top, {"in the top fraction": n_top})


@dataclass(frozen=True, slots=True)
class Paper:
    """The draft's rule (section 3.2): LDS > tau and the top fraction, combined in one of four ways."""

    tau: float = 0.28
    fraction: float = 0.2
    combine: str = "both"

    def __post_init__(self) -> None:
        require_tau(self.tau)
        _require_fraction(self.fraction)
        look_up(COMBINATIONS, self.combine, "combine")

    @property
    def words(self) -> str:
        """The rule in words."""
        above, top = f"LDS > {self.tau:g}", f"the top {self.fraction:.0%}"
        return COMBINATIONS[self.combine].words.format(above=above, top=top)

    def choose(self, log_lds_M: Tensor, _: torch.Generator, /) -> Ranking:
        """See `Rule`."""
        order = falling(log_lds_M)
        above = int((log_lds_M > log(self.tau)).sum())
        # The densest come first, so what passes either condition is a beginning of the order.
        n_top = count_of(self.fraction, len(log_lds_M))
        limit, wanted = load(COMBINATIONS[self.combine].at)(above, n_top, self.fraction)
        return Ranking(order[:limit], wanted, {"above tau": above, "in the top fraction": n_top})


def keep_both(above: int, n_top: int, _fraction: float) -> tuple[int, int]:
    """Returns how many of the densest may be kept and how many are wanted: those above tau and in the top fraction.

    Args:
        above: How many candidates lie above tau.
        n_top: How many there are in the top fraction.
        _fraction: The top fraction.
    """
    return above, min(above, n_top)


def keep_top_of_passing(above: int, _n_top: int, fraction: float) -> tuple[int, int]:
    """Returns the same for the top fraction of those above tau. See `keep_both`."""
    return above, count_of(fraction, above)


def keep_either(above: int, n_top: int, _fraction: float) -> tuple[int, int]:
    """Returns the same for those above tau or in the top fraction. See `keep_both`."""
    return max(above, n_top), max(above, n_top)


def keep_top_as_fallback(above: int, n_top: int, _fraction: float) -> tuple[int, int]:
    """Returns the same for those above tau, and where there are none, the top fraction. See `keep_both`."""
    return above or n_top, above or n_top


@dataclass(frozen=True, slots=True)
class RandomFraction:
    """A random fraction of the candidates, whatever their score: a control."""

    fraction: float = 0.2

    def __post_init__(self) -> None:
        _require_fraction(self.fraction)

    @property
    def words(self) -> str:
        """The rule in words."""
        return f"a random {self.fraction:.0%} of the candidates"

    def choose(self, log_lds_M: Tensor, generator: torch.Generator) -> Ranking:
        """See `Rule`."""
        n = len(log_lds_M)
        return Ranking(torch.randperm(n, generator=generator), count_of(self.fraction, n))


@dataclass(frozen=True, slots=True)
class PowerLaw:
    """A fraction of the candidates, drawn without replacement in proportion to LDS^gamma, gamma in [-1, 1].

    Negative gammas favour sparse regions, 0 is random. Drawn as the largest gamma log LDS + Gumbel noise (Efraimidis &
    Spirakis 2006; Kool, van Hoof & Welling 2019).
    """

    gamma: float = 1.0
    fraction: float = 0.2

    def __post_init__(self) -> None:
        _require_fraction(self.fraction)
        if not -1 <= self.gamma <= 1:
            raise ConfigError("gamma", found=str(self.gamma), expected="from -1 to 1", remedy="0 draws at random.")

    @property
    def words(self) -> str:
        """The rule in words."""
        return f"{self.fraction:.0%} of the candidates, in proportion to LDS^{self.gamma:g}"

    def choose(self, log_lds_M: Tensor, generator: torch.Generator) -> Ranking:
        """See `Rule`. What has no density at all comes last."""
        uniform = torch.rand(len(log_lds_M), generator=generator, dtype=torch.float64)
        keys = self.gamma * log_lds_M - torch.log(-torch.log(uniform))
        return Ranking(falling(keys.where(log_lds_M > -inf, -inf)), count_of(self.fraction, len(log_lds_M)))


def count_of(fraction: float, n: int) -> int:
    """Returns the fraction of n, rounded down."""
    # The tolerance keeps 0.29 * 100 = 28.999... at 29.
    return floor(fraction * n + 1e-9)


def falling(x_M: Tensor) -> Tensor:
    """Returns the order of falling values; ties go to the earlier."""
    return torch.argsort(x_M, descending=True, stable=True)


def plain(log_value: float) -> str:
    """Returns exp of a number for people, also where it underflows."""
    value = exp(log_value)
    return f"{value:.3g}" if value > 1e-300 else f"exp({log_value:.1f})"


def _require_fraction(fraction: float) -> None:
    if not 0 < fraction <= 1:
        raise ConfigError("fraction", found=str(fraction), expected="above 0, at most 1", remedy="0.2 is the draft's.")


def require_tau(tau: float) -> None:
    """Raises ConfigError unless tau is a threshold of LDS."""
    if not 0 < tau < inf:
        raise ConfigError("tau", found=str(tau), expected="a finite number above 0", remedy="0.28 is the draft's.")
