"""Which of two models is better, by how much, and how sure that is (evaluation protocol).

All models are measured by the same held-out examples and the same seeds, and all differences are bootstrapped by the
same draws of both. A verdict is about these models: another training seed makes other models.
"""

from collections.abc import Mapping
from itertools import combinations
from math import ceil, erfc, nan, sqrt
from typing import NamedTuple

from scipy.stats import norm
from torch import Tensor

from lds_mlflow.choices.figures import COMPARED, FIGURES, LEVEL, MARGIN, TAILS
from lds_mlflow.errors import DataError
from lds_mlflow.metrics.intervals import deviations_of, interval_around
from lds_mlflow.values import Evaluation

__all__ = [
    "BETTER",
    "NO_DIFFERENCE",
    "TOO_FEW",
    "WORSE",
    "Comparison",
    "compare_evaluations",
    "holm",
    "require_comparable",
    "verdict_of",
]

BETTER, WORSE, NO_DIFFERENCE, TOO_FEW = "better", "worse", "no difference seen", "too few samples to tell"

_POWER = 0.8
_MOST_NEEDED = 1_000_000


class Comparison(NamedTuple):
    """One figure of two models.

    Attributes:
        name: The figure, by its name in FIGURES.
        model: The model that is judged.
        reference: The model that it is judged against.
        value: The figure of the model.
        reference_value: The figure of the reference.
        difference: The first less the second.
        without_bias: The difference of what both would be of infinitely many examples, for figures that are biased by
            few; nan where it isn't known, or the same.
        low: Lower end of the difference's 95 % interval, by itself.
        high: Upper end.
        p: Probability of a difference as large if there were none, by the normal distribution.
        p_corrected: The same, corrected for all comparisons (Holm 1979).
        verdict: better, worse (higher or lower where neither is better), no difference seen, too few samples to tell.
        samples_needed: About how many samples, and as many held-out examples, would tell four times of five; 0 where
            these do, or where more of them may not help.
    """

    name: str
    model: str
    reference: str
    value: float
    reference_value: float
    difference: float
    without_bias: float
    low: float
    high: float
    p: float
    p_corrected: float
    verdict: str
    samples_needed: int


def compare_evaluations(
    evaluations: Mapping[str, Evaluation], *, margin: float = MARGIN, replicates: int = 10_000, seed: int = 0
) -> list[Comparison]:
    """Compares every model with every one before it, by every figure of COMPARED that all have.

    Args:
        evaluations: Two or more, by the names of the models.
        margin: The difference that matters, as a share of the larger of the two figures. A difference is "no
            difference seen" where its interval lies within that and is not clear of 0, else, if it isn't significant,
            "too few samples to tell".
        replicates: Bootstrap replicates.
        seed: Of the bootstrap.

    Raises:
        DataError: There are fewer than two, or they weren't made by the same examples, seeds and extractor.
    """
    require_comparable(evaluations)
    names = [name for name in COMPARED if all(name in found.by_sample for found in evaluations.values())]
    columns = [(model, name) for model in evaluations for name in names]
    deviations = deviations_of(
        [evaluations[model].by_real[name] for model, name in columns],
        [evaluations[model].by_sample[name] for model, name in columns],
        replicates=replicates,
        seed=seed,
    )
    around = dict(zip(columns, deviations.T, strict=True))
    found = [
        _compare(name, model, reference, evaluations, around[model, name] - around[reference, name])
        for reference, model in combinations(evaluations, 2)
        for name in names
    ]
    corrected = holm([comparison.p for comparison in found])
    return [
        _with_verdict(comparison._replace(p_corrected=p), margin, evaluations[comparison.model].n_samples, len(found))
        for comparison, p in zip(found, corrected, strict=True)
    ]


def _compare(
    name: str, model: str, reference: str, evaluations: Mapping[str, Evaluation], around_R: Tensor
) -> Comparison:
    ours, theirs = evaluations[model], evaluations[reference]
    difference, error = ours.metrics[name] - theirs.metrics[name], around_R.std().item()
    low, high = interval_around(difference, around_R, share_of=ours.n_samples if FIGURES[name].is_share else 0)
    p = erfc(abs(difference) / error / sqrt(2)) if error else float(difference == 0)
    unbiased = f"{name}_infinity"
    return Comparison(
        name=name,
        model=model,
        reference=reference,
        value=ours.metrics[name],
        reference_value=theirs.metrics[name],
        difference=difference,
        without_bias=ours.metrics.get(unbiased, nan) - theirs.metrics.get(unbiased, nan),
        low=low,
        high=high,
        p=p,
        p_corrected=p,
        verdict="",
        samples_needed=0,
    )


def holm(p_values: list[float]) -> list[float]:
    """Returns p values corrected for their number (Holm, A Simple Sequentially Rejective Multiple Test, 1979)."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    corrected, largest = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[i]))
        corrected[i] = largest
    return corrected


def _with_verdict(comparison: Comparison, margin: float, n: int, n_comparisons: int) -> Comparison:
    verdict = verdict_of(comparison, margin)
    needed = _needed(comparison, _matters(comparison, margin), n, n_comparisons) if verdict == TOO_FEW else 0
    return comparison._replace(verdict=verdict, samples_needed=needed)


def _matters(comparison: Comparison, margin: float) -> float:
    return margin * max(abs(comparison.value), abs(comparison.reference_value))


def verdict_of(comparison: Comparison, margin: float) -> str:
    """Returns what a comparison says in words, by its interval and corrected p value; see `Comparison`.

    Args:
        comparison: The comparison; its own verdict doesn't count.
        margin: The difference that matters, as a share of the larger of the two figures.
    """
    figure, ends = FIGURES[comparison.name], [comparison.low, comparison.high]
    if figure.is_biased:
        # The bias depends on the model, so the verdict has to hold without it too; where it isn't known there is none.
        shift = comparison.without_bias - comparison.difference
        ends += [comparison.low + shift, comparison.high + shift]
    is_clear = all(end > 0 for end in ends) or all(end < 0 for end in ends)
    if comparison.p_corrected < LEVEL and is_clear:
        way = "lower" if comparison.difference < 0 else "higher"
        right = BETTER if way == figure.better else WORSE
        return way if figure.better == "neither" else right
    matters = _matters(comparison, margin)
    if all(abs(end) <= matters for end in ends) and comparison.p >= LEVEL:
        return NO_DIFFERENCE
    return TOO_FEW


def _needed(comparison: Comparison, matters: float, n: int, n_comparisons: int) -> int:
    error = (comparison.high - comparison.low) / 2 / norm.isf(TAILS[0])
    effect = max(abs(comparison.difference), matters)
    if not effect:
        return 0
    errors = norm.isf(LEVEL / 2 / n_comparisons) + norm.isf(1 - _POWER)
    needed = ceil(n * min(float(errors * error / effect) ** 2, _MOST_NEEDED))
    return needed if n < needed <= _MOST_NEEDED else 0


def require_comparable(evaluations: Mapping[str, Evaluation]) -> None:
    """Raises DataError where there are fewer than two, or they weren't made in the same way by the same examples."""
    if len(evaluations) < 2:
        raise DataError(
            "a comparison",
            found=f"{len(evaluations)} evaluations",
            expected="two or more",
            remedy="Name two or more runs.",
        )
    first, *rest = evaluations
    for name in rest:
        for field, meaning in (
            ("extractor", "feature extractor"),
            ("resize", "resizing"),
            ("part", "part of the data"),
            ("held_out_digest", "held-out examples (digest)"),
            ("n_samples", "number of samples"),
            ("first_seed", "sample seed"),
            ("settings", "settings"),
        ):
            one, other = getattr(evaluations[first], field), getattr(evaluations[name], field)
            if one != other:
                raise DataError(
                    f"the comparison of {name} with {first}",
                    found=f"{meaning} {other} and {one}",
                    expected="models measured in the same way, by the same examples and seeds",
                    remedy="Evaluate both with the same data, classifier, features, samples, seed and k_neighbours.",
                )
