"""Which of two models is better, by how much, and how sure that is (evaluation protocol).

All models are measured by the same held-out images and the same seeds, and all differences are bootstrapped by the same
draws of both. A verdict is about these models: another training seed makes others.
"""

from collections.abc import Mapping
from itertools import combinations
from math import ceil, inf
from typing import NamedTuple

import torch
from torch import Tensor

from lds_mlflow.errors import DataError
from lds_mlflow.metrics.attributes import wilson_interval
from lds_mlflow.metrics.estimates import Estimate, bootstrap_deviations
from lds_mlflow.metrics.figures import COMPARED, FIGURES
from lds_mlflow.values import Evaluation

__all__ = ["BETTER", "NO_DIFFERENCE", "TOO_FEW", "WORSE", "Comparison", "compare_evaluations", "holm", "intervals_of"]

BETTER, WORSE, NO_DIFFERENCE, TOO_FEW = "better", "worse", "no difference seen", "too few samples to tell"

_LEVEL, _DIGITS = 0.05, 12


class Comparison(NamedTuple):
    """One figure of two models.

    Attributes:
        name: The figure, by its name in FIGURES.
        model: The model that is judged.
        reference: The model that it is judged against.
        value: The figure of the model.
        reference_value: The figure of the reference.
        difference: The first less the second.
        low: Lower end of the difference's 95 % interval, by itself.
        high: Upper end.
        p: Probability of a difference as large if there were none.
        p_corrected: The same, corrected for all comparisons (Holm 1979).
        verdict: better, worse (higher or lower where neither is better), no difference seen, too few samples to tell.
        samples_needed: About how many samples and real images would tell, or 0 where these do.
    """

    name: str
    model: str
    reference: str
    value: float
    reference_value: float
    difference: float
    low: float
    high: float
    p: float
    p_corrected: float
    verdict: str
    samples_needed: int


def compare_evaluations(
    evaluations: Mapping[str, Evaluation], *, margin: float = 0.1, replicates: int = 10_000, seed: int = 0
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
        DataError: There are fewer than two, or they weren't made by the same images, seeds and extractor.
    """
    _require_comparable(evaluations)
    names = [name for name in COMPARED if all(name in found.by_sample for found in evaluations.values())]
    columns = [(model, name) for model in evaluations for name in names]
    deviations = _deviations(
        [evaluations[model].by_real[name] for model, name in columns],
        [evaluations[model].by_sample[name] for model, name in columns],
        replicates,
        seed,
    )
    place = {column: i for i, column in enumerate(columns)}
    found = []
    for reference, model in combinations(evaluations, 2):
        n = evaluations[model].n_samples
        for name in names:
            value, reference_value = (evaluations[which].metrics[name] for which in (model, reference))
            around = deviations[:, place[model, name]] - deviations[:, place[reference, name]]
            difference = value - reference_value
            low, high = _interval(difference, around, finest=1 / n if FIGURES[name].is_share else 0)
            p = (1 + (around.abs() >= abs(difference)).sum().item()) / (1 + replicates)
            found.append(Comparison(name, model, reference, value, reference_value, difference, low, high, p, p, "", 0))
    corrected = holm([comparison.p for comparison in found])
    return [
        _with_verdict(comparison._replace(p_corrected=p), margin, evaluations[comparison.model].n_samples)
        for comparison, p in zip(found, corrected, strict=True)
    ]


def intervals_of(estimates: Mapping[str, Estimate], *, replicates: int, seed: int) -> dict[str, tuple[float, float]]:
    """Returns the 95 % interval of every estimate by its name in FIGURES.

    By bootstrap; of a share by Wilson's, with as many images as its standard error is worth, which holds near 0 and 1
    too.
    """
    by_real = [estimate.by_real_N for estimate in estimates.values()]
    around = _deviations(by_real, [estimate.by_sample_S for estimate in estimates.values()], replicates, seed)
    return {
        name: _interval_of_share(estimate)
        if FIGURES[name].is_share
        else _interval(estimate.value, around[:, i], least=FIGURES[name].least)
        for i, (name, estimate) in enumerate(estimates.items())
    }


def holm(p_values: list[float]) -> list[float]:
    """Returns p values corrected for their number (Holm, A Simple Sequentially Rejective Multiple Test, 1979)."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    corrected, largest = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[i]))
        corrected[i] = largest
    return corrected


def _interval(value: float, around_R: Tensor, *, finest: float = 0.0, least: float = -inf) -> tuple[float, float]:
    low, high = around_R.quantile(torch.tensor([0.025, 0.975], dtype=around_R.dtype)).tolist()
    # A share of n images can't be told to better than one of them.
    return round(max(least, value + min(low, -finest)), _DIGITS), round(value + max(high, finest), _DIGITS)


def _interval_of_share(estimate: Estimate) -> tuple[float, float]:
    error, share = estimate.standard_error, min(1.0, max(0.0, estimate.value))
    n = len(estimate.by_sample_S)
    worth = min(n, share * (1 - share) / error**2) if error and 0 < share < 1 else n
    return wilson_interval(share, max(1.0, worth))


def _deviations(by_real: list[Tensor], by_sample: list[Tensor], replicates: int, seed: int) -> Tensor:
    """Returns by how much V figures change with the images that are drawn, the same for all, float64 [R, V]."""
    generator = torch.Generator().manual_seed(seed)
    of_real, of_samples = (
        bootstrap_deviations(torch.stack(influences, 1), replicates=replicates, generator=generator)
        for influences in (by_real, by_sample)
    )
    return of_real + of_samples


def _with_verdict(comparison: Comparison, margin: float, n: int) -> Comparison:
    better = FIGURES[comparison.name].better
    if comparison.p_corrected < _LEVEL:
        way = "lower" if comparison.difference < 0 else "higher"
        return comparison._replace(verdict=way if better == "neither" else BETTER if way == better else WORSE)
    matters = margin * max(abs(comparison.value), abs(comparison.reference_value))
    hints = comparison.p < _LEVEL
    if max(abs(comparison.low), abs(comparison.high)) <= matters and not hints:
        return comparison._replace(verdict=NO_DIFFERENCE)
    # A difference is seen four times of five if it is 2.8 standard errors; half an interval is 1.96.
    half_width = (comparison.high - comparison.low) / 2
    needed = ceil(n * (2.8 / 1.96 * half_width / matters) ** 2) if matters else n
    return comparison._replace(verdict=TOO_FEW, samples_needed=max(needed, n + 1))


def _require_comparable(evaluations: Mapping[str, Evaluation]) -> None:
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
            ("held_out_digest", "held-out images (digest)"),
            ("n_samples", "number of samples"),
            ("first_seed", "sample seed"),
        ):
            one, other = getattr(evaluations[first], field), getattr(evaluations[name], field)
            if one != other:
                raise DataError(
                    f"the comparison of {name} with {first}",
                    found=f"{meaning} {other} and {one}",
                    expected="models measured in the same way, by the same images and seeds",
                    remedy="Evaluate both with the same data, features, samples and sample_seed.",
                )
