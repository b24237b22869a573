"""All figures of one set of samples, each beside its floor: the same figure of real images."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from lds_mlflow.errors import DataError
from lds_mlflow.metrics.balance import Balance, Features, measure_balance
from lds_mlflow.metrics.balls import nearest
from lds_mlflow.metrics.estimates import Estimate, mean_estimate
from lds_mlflow.metrics.features.extractors import ClassifierExtractor, Extractor
from lds_mlflow.metrics.features.sharpness import sharpness
from lds_mlflow.metrics.frechet import Extrapolation, frechet_estimate, frechet_without_bias
from lds_mlflow.metrics.intervals import intervals_of
from lds_mlflow.metrics.kernel import kernel_distance
from lds_mlflow.metrics.memorization import memorization
from lds_mlflow.metrics.neighbours import neighbour_estimates
from lds_mlflow.metrics.vendi import vendi_score
from lds_mlflow.values import Evaluation, ExampleSet, evenly_spread

__all__ = ["Measured", "evaluate_samples", "require_finite"]


@dataclass(frozen=True, slots=True)
class Measured:
    """An evaluation, with what pictures of it need.

    Attributes:
        evaluation: The figures.
        held_out: The held-out images that were used.
        extrapolation: The Frechet distance by number of images, or None where there are too few.
        balance: The balance of classes, or None where there are none.
        nearest_train_S: Row of each sample's nearest training image, int64.
        closeness_S: Distance of each sample to it, over that image's distance to its nearest other, float64.
        quality_S: Of each sample: its distance to the nearest held-out image ("distance_to_held_out", lower is better),
            and its sharpness ("sharpness"), float64.
        notes: What could not be measured, and why.
    """

    evaluation: Evaluation
    held_out: ExampleSet
    extrapolation: Extrapolation | None
    balance: Balance | None
    nearest_train_S: Tensor
    closeness_S: Tensor
    quality_S: dict[str, Tensor]
    notes: tuple[str, ...]


def evaluate_samples(
    samples_SCHW: Tensor,
    held_out: ExampleSet,
    train: ExampleSet,
    *,
    extractor: Extractor,
    judge: ClassifierExtractor | None = None,
    known: ExampleSet | None = None,
    part: str = "test",
    first_seed: int = 0,
    k: int = 5,
    replicates: int = 10_000,
) -> Measured:
    """Measures samples against as many held-out images.

    Args:
        samples_SCHW: Samples, uint8 [S, C, H, W].
        held_out: Real images that nothing was fitted or chosen on.
        train: The training images: they give the floor, the class shares to keep, and what could be memorized.
        extractor: What turns images into features.
        judge: What tells an image's class, or None where there are no classes.
        known: Further real images that neither the model nor the judge was trained on: they give the judge's confusion,
            which else the held-out ones do, and the floor of memorization, which else is left out.
        part: The part that the held-out images are.
        first_seed: Seed of the first sample.
        k: Neighbours of precision, recall, density and coverage.
        replicates: Bootstrap replicates.

    Returns:
        The figures of FIGURES that could be measured; with `floor_` before them the same of as many training images, or
        of all where they are fewer, in place of samples, for memorization of the known ones; and the figures of
        measure_balance.

    Raises:
        DataError: There are too few images for a figure, or a feature is not finite.
    """
    n = min(len(samples_SCHW), len(held_out))
    samples, real = samples_SCHW[:n], held_out.spread(n)
    features = Features(
        samples_SF=extractor.features(samples),
        held_out_NF=extractor.features(real.examples_N),
        train_TF=extractor.features(train.examples_N),
    )
    require_finite(features, extractor.name)
    copied = memorization(features.samples_SF, features.train_TF, features.held_out_NF)
    estimates = _estimates(features.held_out_NF, features.samples_SF, samples, k) | copied.estimates
    floor = _floor(features, train, evenly_spread(len(train), min(n, len(train))), k)
    if known is not None:
        of_known = extractor.features(known.spread(n).examples_N)
        floor |= memorization(of_known, features.train_TF, features.held_out_NF).figures
    extrapolation = _without_bias(features.held_out_NF, features.samples_SF)
    metrics = copied.figures | ({"fid_infinity": extrapolation.value} if extrapolation else {})
    balance = None
    if judge is not None and len(train.class_names_K) > 1:
        balance = measure_balance(samples, real, train, features, judge=judge, known=known)
        estimates |= balance.estimates
        metrics |= balance.metrics
    metrics |= {name: estimate.value for name, estimate in estimates.items()}
    return Measured(
        evaluation=Evaluation(
            extractor=extractor.name,
            resize=extractor.resize,
            part=part,
            held_out_digest=real.digest,
            first_seed=first_seed,
            n_samples=n,
            settings={
                "k_neighbours": str(k),
                "training images": train.digest,
                "further real images": known.digest if known is not None else "none",
                "judge": judge.name if judge is not None else "none",
            },
            metrics=metrics | {f"floor_{name}": value for name, value in floor.items()},
            intervals=intervals_of(estimates, replicates=replicates, seed=0) | _share_intervals(balance),
            by_real={name: estimate.by_real_N for name, estimate in estimates.items()},
            by_sample={name: estimate.by_sample_S for name, estimate in estimates.items()},
        ),
        held_out=real,
        extrapolation=extrapolation,
        balance=balance,
        nearest_train_S=copied.nearest_train_S,
        closeness_S=copied.closeness_S,
        quality_S={
            "distance_to_held_out": nearest(features.samples_SF, features.held_out_NF)[0][:, 0],
            "sharpness": sharpness(samples),
        },
        notes=_notes(extrapolation, features, balance),
    )


def _estimates(real_NF: Tensor, other_NF: Tensor, other_NCHW: Tensor, k: int) -> dict[str, Estimate]:
    """Returns what can be measured of any set of images beside real ones."""
    return {
        "fid": frechet_estimate(real_NF, other_NF),
        "kid": kernel_distance(real_NF, other_NF),
        **neighbour_estimates(real_NF, other_NF, k=k),
        "vendi": vendi_score(other_NF, n_real=len(real_NF)),
        "sharpness": mean_estimate(sharpness(other_NCHW), len(real_NF)),
    }


def _floor(features: Features, train: ExampleSet, rows_N: Tensor, k: int) -> dict[str, float]:
    """Returns the figures of some training images in place of samples."""
    alike = features.train_TF[rows_N]
    estimates = _estimates(features.held_out_NF, alike, train.examples_N[rows_N], k)
    extrapolation = _without_bias(features.held_out_NF, alike)
    floor = {name: estimate.value for name, estimate in estimates.items()}
    return floor | ({"fid_infinity": extrapolation.value} if extrapolation else {})


def _without_bias(real_NF: Tensor, other_NF: Tensor) -> Extrapolation | None:
    return frechet_without_bias(real_NF, other_NF, generator=torch.Generator().manual_seed(0))


def _notes(extrapolation: Extrapolation | None, features: Features, balance: Balance | None) -> tuple[str, ...]:
    n, f = features.samples_SF.shape
    few = (
        f"No FID at infinite samples: it takes more than {2 * f:,} samples and held-out images for {f:,} features, and "
        f"there are {n:,}.",
    )
    n_train = len(features.train_TF)
    short = (
        f"The floor is of all {n_train:,} training images, fewer than the {n:,} samples: its FID has more bias, and "
        "its Coverage is lower than as many would give.",
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
        "held-out images": features.held_out_NF,
        "training images": features.train_TF,
    }
    for what, rows in sets.items():
        if not rows.isfinite().all():
            raise DataError(
                f"features of the {what} by {name}",
                found=f"{int((~rows.isfinite()).any(1).sum()):,} of {len(rows):,} that are not finite",
                expected="finite numbers",
                remedy="Evaluate samples of a model whose training has not diverged, by another feature extractor.",
            )
