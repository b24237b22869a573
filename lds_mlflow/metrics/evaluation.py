"""All figures of one set of samples, each beside its floor: the same figure of real examples."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pandas as pd
import torch
from torch import Tensor

from lds_mlflow.choices.figures import COPIES, RECONSTRUCTED
from lds_mlflow.errors import DataError
from lds_mlflow.metrics.balance import Balance, ClassLabels, Features, JudgedLabels, measure_balance
from lds_mlflow.metrics.balls import nearest
from lds_mlflow.metrics.estimates import Estimate, mean_estimate
from lds_mlflow.metrics.features.protocols import Extractor, Judge
from lds_mlflow.metrics.frechet import Extrapolation, frechet_estimate, frechet_without_bias
from lds_mlflow.metrics.further import FurtherFigures, FurtherMeasure, RealExamples
from lds_mlflow.metrics.intervals import intervals_of
from lds_mlflow.metrics.kernel import kernel_distance
from lds_mlflow.metrics.memorization import memorization
from lds_mlflow.metrics.neighbours import neighbour_estimates
from lds_mlflow.metrics.vendi import vendi_score
from lds_mlflow.values import Evaluation, ExampleSet, evenly_spread

__all__ = [
    "DISTANCE_TO_HELD_OUT",
    "EvaluationSettings",
    "FeatureMeasure",
    "QualityMeasure",
    "SampleMeasurements",
    "class_labels",
    "evaluate_samples",
    "require_finite",
]

DISTANCE_TO_HELD_OUT = "distance_to_held_out"
"""The quality that samples of every kind have: their distance to the nearest held-out example; lower is better."""

QualityMeasure = Callable[[Tensor], Tensor]
"""Maps examples, [N, ...], to the quality of each, float64 [N]."""


FeatureMeasure = Callable[[Tensor, Tensor], Estimate]
"""Maps features of real examples and of others, [N, F] and [M, F], to a figure."""


@dataclass(frozen=True, slots=True)
class EvaluationSettings:
    """What an evaluation depends on beside its samples, real examples and extractor.

    Attributes:
        part: The part of the data that the held-out examples are: "select" or "test".
        first_seed: Seed of the first sample.
        k: Neighbours of precision, recall, density and coverage.
        replicates: Bootstrap replicates of the intervals.
    """

    part: str = "test"
    first_seed: int = 0
    k: int = 5
    replicates: int = 10_000


@dataclass(frozen=True, slots=True)
class SampleMeasurements:
    """An evaluation, with what its pictures need.

    Attributes:
        evaluation: The figures.
        held_out: The held-out examples that were used.
        extrapolation: The Frechet distance by number of examples, or None where there are too few.
        balance: The balance of classes, or None where there are no classes.
        nearest_train_S: Row of each sample's nearest training example, int64.
        closeness_S: Distance of each sample to that example, divided by the distance of that example to its nearest
            other, float64.
        quality_S: Qualities of each sample by name, float64: its distance to the nearest held-out example
            (DISTANCE_TO_HELD_OUT), and those that were asked for.
        notes: What could not be measured, and why.
        tables: Tables of what this kind of examples has beside, by their captions.
    """

    evaluation: Evaluation
    held_out: ExampleSet
    extrapolation: Extrapolation | None
    balance: Balance | None
    nearest_train_S: Tensor
    closeness_S: Tensor
    quality_S: dict[str, Tensor]
    notes: tuple[str, ...]
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)


def evaluate_samples(
    samples_S: Tensor,
    real: RealExamples,
    *,
    extractor: Extractor,
    judge: Judge | None = None,
    qualities: Mapping[str, QualityMeasure] | None = None,
    of_features: Mapping[str, FeatureMeasure] | None = None,
    further: FurtherMeasure | None = None,
    reconstructions_N: Tensor | None = None,
    settings: EvaluationSettings | None = None,
) -> SampleMeasurements:
    """Measures samples against as many held-out examples.

    Args:
        samples_S: Samples, [S, ...], of the shape of the real examples.
        real: What they are measured against.
        extractor: Turns examples into features.
        judge: Tells the class of an example; None where there are no classes.
        qualities: Further qualities of an example by name; the mean of each is a figure. None is without.
        of_features: Figures that only features by this extractor have, by name; None is without.
        further: Measures figures that only this kind of examples has; None is without.
        reconstructions_N: The model's reconstructions of the held-out examples that are used, [N, ...]; None where
            there are none.
        settings: The part, the seed, the neighbours and the replicates; None takes the defaults.

    Returns:
        The figures of FIGURES and the qualities that could be measured, and the figures of measure_balance. With
        `floor_` before its name stands the same figure of as many training examples in place of samples, or of all of
        them where they are fewer; for memorization, of the further examples. With RECONSTRUCTED before its name stands
        the same figure of the reconstructions.

    Raises:
        DataError: There are too few examples for a figure, or a feature is not finite.
    """
    settings, qualities, of_features = settings or EvaluationSettings(), qualities or {}, of_features or {}
    n = min(len(samples_S), len(real.held_out))
    samples, held_out, train, k = samples_S[:n], real.held_out.spread(n), real.train, settings.k
    features = Features(
        samples_SF=extractor.features(samples),
        held_out_NF=extractor.features(held_out.examples_N),
        train_TF=extractor.features(train.examples_N),
    )
    require_finite(features, extractor.name)
    copied = memorization(features.samples_SF, features.train_TF, features.held_out_NF)
    quality_S = {name: quality(samples) for name, quality in qualities.items()}
    estimates = _estimates(features.held_out_NF, features.samples_SF, quality_S, of_features, k) | copied.estimates
    floor = _floor(features, train, evenly_spread(len(train), min(n, len(train))), qualities, of_features, k=k)
    if real.further is not None:
        of_further = extractor.features(real.further.spread(n).examples_N)
        floor |= memorization(of_further, features.train_TF, features.held_out_NF).figures
    extrapolation = _without_bias(features.held_out_NF, features.samples_SF)
    reconstructed = {} if reconstructions_N is None else _copies_of(extractor.features(reconstructions_N), features)
    metrics = copied.figures | ({"fid_infinity": extrapolation.value} if extrapolation else {})
    balance = None
    if judge is not None and len(train.class_names_K) > 1:
        labels = class_labels(RealExamples(train, held_out, real.further), judge)
        balance = measure_balance(judge.classes(samples), labels, features)
        estimates |= balance.estimates
        metrics |= balance.metrics
    besides = further(samples, RealExamples(train, held_out, real.further)) if further else FurtherFigures()
    estimates |= besides.estimates
    floor |= besides.floor
    metrics |= besides.values
    metrics |= {name: estimate.value for name, estimate in estimates.items()}
    return SampleMeasurements(
        evaluation=Evaluation(
            extractor=extractor.name,
            resize=extractor.resize,
            part=settings.part,
            held_out_digest=held_out.digest,
            first_seed=settings.first_seed,
            n_samples=n,
            settings={
                "k_neighbours": str(k),
                "training examples": train.digest,
                "further real examples": "none" if real.further is None else real.further.digest,
                "judge": "none" if judge is None else judge.name,
            },
            metrics=metrics | reconstructed | {f"floor_{name}": value for name, value in floor.items()},
            intervals=intervals_of(estimates, replicates=settings.replicates, seed=0) | _share_intervals(balance),
            by_real={name: estimate.by_real_N for name, estimate in estimates.items()},
            by_sample={name: estimate.by_sample_S for name, estimate in estimates.items()},
        ),
        held_out=held_out,
        extrapolation=extrapolation,
        balance=balance,
        nearest_train_S=copied.nearest_train_S,
        closeness_S=copied.closeness_S,
        quality_S={
            DISTANCE_TO_HELD_OUT: nearest(features.samples_SF, features.held_out_NF)[0][:, 0],
            **quality_S,
        },
        notes=_notes(extrapolation, features, balance) + besides.notes,
        tables=besides.tables,
    )


def class_labels(real: RealExamples, judge: Judge) -> ClassLabels:
    """Returns the classes of real examples with labels, beside those that a judge takes them for."""
    assert real.train.labels_N is not None
    return ClassLabels(
        names_K=real.train.class_names_K,
        train_T=real.train.labels_N,
        held_out=_judged(real.held_out, judge),
        further=None if real.further is None else _judged(real.further, judge),
    )


def _judged(examples: ExampleSet, judge: Judge) -> JudgedLabels:
    assert examples.labels_N is not None
    return JudgedLabels(examples.labels_N, judge.classes(examples.examples_N))


def _estimates(
    real_NF: Tensor,
    other_MF: Tensor,
    quality_M: Mapping[str, Tensor],
    of_features: Mapping[str, FeatureMeasure],
    k: int,
) -> dict[str, Estimate]:
    """Returns what can be measured of any set of examples beside real ones."""
    return {
        "fid": frechet_estimate(real_NF, other_MF),
        "kid": kernel_distance(real_NF, other_MF),
        **neighbour_estimates(real_NF, other_MF, k=k),
        "vendi": vendi_score(other_MF, n_real=len(real_NF)),
        **{name: measure(real_NF, other_MF) for name, measure in of_features.items()},
        **{name: mean_estimate(values, len(real_NF)) for name, values in quality_M.items()},
    }


def _copies_of(reconstructions_NF: Tensor, features: Features) -> dict[str, float]:
    found = memorization(reconstructions_NF, features.train_TF, features.held_out_NF).figures
    return {f"{RECONSTRUCTED}{name}": found[name] for name in COPIES}


def _floor(
    features: Features,
    train: ExampleSet,
    rows_M: Tensor,
    qualities: Mapping[str, QualityMeasure],
    of_features: Mapping[str, FeatureMeasure],
    *,
    k: int,
) -> dict[str, float]:
    """Returns the figures of some training examples in place of samples."""
    alike, examples = features.train_TF[rows_M], train.examples_N[rows_M]
    quality_M = {name: quality(examples) for name, quality in qualities.items()}
    estimates = _estimates(features.held_out_NF, alike, quality_M, of_features, k)
    extrapolation = _without_bias(features.held_out_NF, alike)
    floor = {name: estimate.value for name, estimate in estimates.items()}
    return floor | ({"fid_infinity": extrapolation.value} if extrapolation else {})


def _without_bias(real_NF: Tensor, other_NF: Tensor) -> Extrapolation | None:
    return frechet_without_bias(real_NF, other_NF, generator=torch.Generator().manual_seed(0))


def _notes(extrapolation: Extrapolation | None, features: Features, balance: Balance | None) -> tuple[str, ...]:
    n, f = features.samples_SF.shape
    few = (
        f"There is no FID at infinite samples: with {f:,} features it takes more than {2 * f:,} samples and as many "
        f"held-out examples, and there are {n:,}.",
    )
    n_train = len(features.train_TF)
    short = (
        f"The floor is of all {n_train:,} training examples, fewer than the {n:,} samples: its FID has more bias, and "
        "its Coverage is lower than as many examples would give.",
    )
    return (() if extrapolation else few) + (short if n_train < n else ()) + (balance.notes if balance else ())


def _share_intervals(balance: Balance | None) -> dict[str, tuple[float, float]]:
    if balance is None or balance.corrected is None:
        return {}
    ends = zip(balance.names_K, balance.corrected.low_K.tolist(), balance.corrected.high_K.tolist(), strict=True)
    return {f"class_share_corrected/{name}": (low, high) for name, low, high in ends}


def require_finite(features: Features, name: str) -> None:
    """Raises DataError where one of the features by the extractor of a name is not finite."""
    sets: Mapping[str, Tensor] = {
        "samples": features.samples_SF,
        "held-out examples": features.held_out_NF,
        "training examples": features.train_TF,
    }
    for what, rows in sets.items():
        if not rows.isfinite().all():
            raise DataError(
                f"features of the {what} by {name}",
                found=f"{int((~rows.isfinite()).any(1).sum()):,} of {len(rows):,} that are not finite",
                expected="finite numbers",
                remedy="Evaluate samples of a model whose training has not diverged, by another feature extractor.",
            )
