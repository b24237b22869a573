"""When training ends: after a number of steps, or when held-out examples show that more steps gain nothing.

The learning rate is constant until training is done, and then falls to 0 in a straight line. So the number of steps
need not be known beforehand (Hägele et al., Scaling Laws and Compute-Optimal Training Beyond Fixed Training Durations,
2024, section 3: a constant learning rate with a cooldown).
"""

from collections.abc import Iterable, Mapping, Sequence
from math import inf, isfinite
from typing import NamedTuple

from lds_mlflow.training.plan import FitPlan

__all__ = ["HELD_OUT", "Ending", "ending_of", "has_converged"]

HELD_OUT = ("held_out_loss", "held_out_distance")
"""Figures of held-out examples by which training is found to be done; see `Watch`."""

_PATIENCE = 3
_GAIN = 0.02


class Ending(NamedTuple):
    """The end of a training.

    Attributes:
        fall: Steps done when the learning rate begins to fall.
        end: Steps in all.
        converged: Whether held-out examples showed, before the learning rate began to fall, that more steps gain
            nothing, which a few figures of them never do; None where none are asked for.
    """

    fall: int
    end: int
    converged: bool | None

    def rate_at(self, step: int) -> float:
        """Returns the factor on the learning rate in a step, counted from 0: 1, then less, and 0 from the end on."""
        return min(1.0, (self.end - step) / max(self.end - self.fall, 1)) if step < self.end else 0.0


def ending_of(plan: FitPlan, history: Iterable[tuple[int, Mapping[str, float]]]) -> Ending:
    """Returns where a training ends, as far as its figures so far say.

    A discriminator that joins makes the figures worse at first, so where one has, figures of before do not count.

    Args:
        plan: How to fit: `steps` is the number of steps, or the largest where `until_done`.
        history: The steps that figures were measured at, with the figures; those without HELD_OUT don't matter.
    """
    last_fall = plan.steps - round(plan.rate_fall * plan.steps)
    checks = [(step, [figures[name] for name in HELD_OUT]) for step, figures in history if HELD_OUT[0] in figures]
    joined = plan.adversary_joins_at(last_fall)
    before = [(step, found) for step, found in checks if joined < step <= last_fall]
    for n in range(1, len(before) + 1 if plan.until_done else 0):
        if has_converged([found for _, found in before[:n]]):
            fall = before[n - 1][0]
            return Ending(fall, fall + round(fall * plan.rate_fall / (1 - plan.rate_fall)), True)
    return Ending(last_fall, plan.steps, has_converged([found for _, found in before]) if plan.check_every else None)


def has_converged(checks: Sequence[Sequence[float]]) -> bool:
    """Says whether none of some figures that fall has improved lately.

    The best of a figure's last three values has to be better than the best of those before by less than a fiftieth of
    what it has improved by since its first value.

    Args:
        checks: The figures of each check, in order; figures that are not finite count as bad as can be.
    """
    return len(checks) > _PATIENCE + 1 and all(_stands(column) for column in zip(*checks, strict=True))


def _stands(values: Sequence[float]) -> bool:
    finite = [value if isfinite(value) else inf for value in values]
    before, lately = min(finite[:-_PATIENCE]), min(finite[-_PATIENCE:])
    if before == inf:
        return False
    first = next(value for value in finite if value < inf)
    return before - lately <= _GAIN * (first - min(finite))
