r"""What several training seeds say of a way to train (evaluation protocol: at least five paired seeds).

All arms of a training seed begin with the same baseline, and their samples are drawn by the same seeds; all of them are
judged by the same real examples. So the mean over n seeds of a difference d has two errors. That of the seeds is
var(d) / n, which holds the noise of the samples too. That of the draw of the real examples is common to all seeds, and
known from their influences. The interval is Student's with n - 1 degrees of freedom, which is honest about few seeds,
even where these vary little by luck.
"""

from collections.abc import Mapping, Sequence
from math import nan, sqrt
from typing import NamedTuple

import torch
from scipy.stats import t as student
from torch import Tensor

from lds_mlflow.choices.figures import COMPARED, FIGURES, LEVEL, MARGIN
from lds_mlflow.errors import DataError
from lds_mlflow.metrics.judgement.verdicts import Comparison, holm, require_comparable, verdict_of
from lds_mlflow.values import Evaluation

__all__ = ["MeanOverSeeds", "compare_over_seeds", "mean_of_values", "mean_over_seeds"]

Seeds = Sequence[Evaluation]
_HALF_WIDTH = 1.96
"""Standard errors from the middle of a 95 % interval to its ends."""


class MeanOverSeeds(NamedTuple):
    """A mean over seeds with its 95 % interval, and the probability of one as far from 0 if there were none."""

    value: float
    low: float
    high: float
    p: float


def mean_over_seeds(evaluations: Seeds, name: str) -> MeanOverSeeds:
    """Returns the mean of a figure over training seeds.

    Args:
        evaluations: One a seed, two or more, all by the same real examples.
        name: A figure of theirs.
    """
    values = torch.tensor([found.metrics[name] for found in evaluations], dtype=torch.float64)
    if name in evaluations[0].by_real:
        influence_N = torch.stack([found.by_real[name] for found in evaluations]).mean(0)
        return _in_range(name, _interval(values, _variance_of_mean(influence_N)))
    if name in evaluations[0].intervals:
        # How much of it the seeds have in common isn't known: all of it, to be on the safe side.
        errors = [(high - low) / 2 / _HALF_WIDTH for low, high in (found.intervals[name] for found in evaluations)]
        return _interval(values, sum(error**2 for error in errors) / len(errors))
    return mean_of_values(values.tolist())


def mean_of_values(values: Sequence[float]) -> MeanOverSeeds:
    """Returns the mean of one value a seed, with Student's interval."""
    return _interval(torch.tensor(values, dtype=torch.float64), 0.0)


def compare_over_seeds(
    arms: Mapping[str, Seeds], reference: str, *, margin: float = MARGIN, names: Sequence[str] = COMPARED
) -> list[Comparison]:
    """Compares every arm with a reference, by every figure that all have.

    Args:
        arms: Evaluations by arm, one a seed, the same seeds in the same order.
        reference: The arm that the others are compared with.
        margin: The difference that matters, as a share of the larger of the two figures.
        names: The figures. p values are corrected for the number of arms, for each figure by itself (Holm).

    Raises:
        DataError: There are fewer than two seeds, not the same for all, or the evaluations aren't comparable.
    """
    _require_paired(arms)
    found: list[Comparison] = []
    for name in names:
        if all(name in evaluation.by_real for seeds in arms.values() for evaluation in seeds):
            rows = [_compare(name, arm, reference, arms) for arm in arms if arm != reference]
            corrected = holm([row.p for row in rows])
            found += [row._replace(p_corrected=p) for row, p in zip(rows, corrected, strict=True)]
    return [row._replace(verdict=verdict_of(row, margin)) for row in found]


def _compare(name: str, arm: str, reference: str, arms: Mapping[str, Seeds]) -> Comparison:
    pairs = list(zip(arms[arm], arms[reference], strict=True))
    differences = torch.tensor([one.metrics[name] - other.metrics[name] for one, other in pairs], dtype=torch.float64)
    influence_N = torch.stack([one.by_real[name] - other.by_real[name] for one, other in pairs]).mean(0)
    mean = _interval(differences, _variance_of_mean(influence_N))
    unbiased = f"{name}_infinity"
    without = [one.metrics.get(unbiased, nan) - other.metrics.get(unbiased, nan) for one, other in pairs]
    return Comparison(
        name=name,
        model=arm,
        reference=reference,
        value=_mean(arms[arm], name),
        reference_value=_mean(arms[reference], name),
        difference=mean.value,
        without_bias=sum(without) / len(without),
        low=mean.low,
        high=mean.high,
        p=mean.p,
        p_corrected=mean.p,
        verdict="",
        samples_needed=0,
    )


def _interval(values: Tensor, variance_of_real: float) -> MeanOverSeeds:
    n = len(values)
    mean, of_seeds = values.mean().item(), (values.var() / n).item()
    variance = of_seeds + variance_of_real
    if variance == 0:
        return MeanOverSeeds(mean, mean, mean, float(mean == 0))
    freedom, error = n - 1, sqrt(variance)
    half = float(student.isf(LEVEL / 2, freedom)) * error
    return MeanOverSeeds(mean, mean - half, mean + half, 2 * float(student.sf(abs(mean) / error, freedom)))


def _in_range(name: str, mean: MeanOverSeeds) -> MeanOverSeeds:
    figure = FIGURES[name]
    return mean._replace(low=max(mean.low, figure.least), high=min(mean.high, 1.0) if figure.is_share else mean.high)


def _variance_of_mean(influence_N: Tensor) -> float:
    n = len(influence_N)
    return influence_N.square().sum().item() / max(1, n * (n - 1))


def _mean(evaluations: Seeds, name: str) -> float:
    return sum(found.metrics[name] for found in evaluations) / len(evaluations)


def _require_paired(arms: Mapping[str, Seeds]) -> None:
    counts = {arm: len(seeds) for arm, seeds in arms.items()}
    if len(set(counts.values())) != 1 or min(counts.values()) < 2:
        raise DataError(
            "the arms",
            found=", ".join(f"{count} seeds of {arm}" for arm, count in counts.items()),
            expected="two or more seeds, the same of every arm",
            remedy="Evaluate every arm by every seed.",
        )
    for of_one_seed in zip(*arms.values(), strict=True):
        require_comparable(dict(zip(arms, of_one_seed, strict=True)))
    for arm, seeds in arms.items():
        if len({(found.held_out_digest, found.extractor) for found in seeds}) != 1:
            raise DataError(
                f"the seeds of {arm}",
                found="different held-out examples or feature extractors",
                expected="the same for all",
                remedy="Evaluate them with the same data and classifier.",
            )
