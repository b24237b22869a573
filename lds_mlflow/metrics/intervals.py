"""95 % intervals of figures, by a bootstrap of their influences."""

from collections.abc import Mapping, Sequence
from math import inf, log

import torch
from torch import Tensor

from lds_mlflow.choices.figures import TAILS, figure_named
from lds_mlflow.metrics.attributes import wilson_interval
from lds_mlflow.metrics.estimates import Estimate, bootstrap_deviations

__all__ = ["deviations_of", "interval_around", "intervals_of"]

_DIGITS = 12
_NONE_SEEN = -log(TAILS[0])
"""How many of n are still likely, by an interval of 95 %, where none was seen."""


def intervals_of(estimates: Mapping[str, Estimate], *, replicates: int, seed: int) -> dict[str, tuple[float, float]]:
    """Returns the 95 % interval of every estimate by the name of its figure.

    By bootstrap; of a share by Wilson's, with as many examples as its standard error is worth, which holds near 0 and 1
    too.
    """
    by_real = [estimate.by_real_N for estimate in estimates.values()]
    by_sample = [estimate.by_sample_S for estimate in estimates.values()]
    around = deviations_of(by_real, by_sample, replicates=replicates, seed=seed)
    return {
        name: _interval_of_share(estimate)
        if figure_named(name).is_share
        else interval_around(estimate.value, around[:, i], least=figure_named(name).least)
        for i, (name, estimate) in enumerate(estimates.items())
    }


def deviations_of(by_real: Sequence[Tensor], by_sample: Sequence[Tensor], *, replicates: int, seed: int) -> Tensor:
    """Returns by how much V figures change with the examples that are drawn, the same for all, float64 [R, V]."""
    generator = torch.Generator().manual_seed(seed)
    of_real, of_samples = (
        bootstrap_deviations(torch.stack(tuple(influences), 1), replicates=replicates, generator=generator)
        for influences in (by_real, by_sample)
    )
    return of_real + of_samples


def interval_around(value: float, around_R: Tensor, *, share_of: int = 0, least: float = -inf) -> tuple[float, float]:
    """Returns the 95 % interval of a value by its deviations, float64 [R].

    Args:
        value: What was measured.
        around_R: By how much it changes with the examples.
        share_of: Of how many examples it is a share; 0 if it isn't one. What was seen of none of them can still be.
        least: What the value can't be below.
    """
    low, high = around_R.quantile(torch.tensor(TAILS, dtype=around_R.dtype)).tolist()
    unseen = _NONE_SEEN / share_of if share_of else 0.0
    return round(max(least, value + min(low, -unseen)), _DIGITS), round(value + max(high, unseen), _DIGITS)


def _interval_of_share(estimate: Estimate) -> tuple[float, float]:
    error, share = estimate.standard_error, min(1.0, max(0.0, estimate.value))
    n = len(estimate.by_sample_S)
    worth = min(n, share * (1 - share) / error**2) if error and 0 < share < 1 else n
    return wilson_interval(share, max(1.0, worth))
