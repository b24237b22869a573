"""The balance of classes among samples: shares, the same corrected, and each class's own Frechet distance."""

from dataclasses import dataclass

import torch
from torch import Tensor

from lds_mlflow.errors import DataError
from lds_mlflow.metrics.attributes import (
    CorrectedShares,
    class_shares,
    confusion_counts,
    corrected_shares,
    share_gap_estimate,
    wilson_interval,
)
from lds_mlflow.metrics.estimates import Estimate
from lds_mlflow.metrics.features.extractors import ClassifierExtractor
from lds_mlflow.metrics.frechet import frechet_distance
from lds_mlflow.values import ExampleSet, evenly_spread

__all__ = ["Balance", "Features", "measure_balance"]

_FEWEST = 10
_REPLICATES = 1000


@dataclass(frozen=True, slots=True)
class Features:
    """Features of the three sets of an evaluation.

    Attributes:
        samples_SF: Of samples, float [S, F].
        held_out_NF: Of as many held-out images, float [N, F].
        train_TF: Of all training images, float [T, F].
    """

    samples_SF: Tensor
    held_out_NF: Tensor
    train_TF: Tensor


@dataclass(frozen=True, slots=True)
class Balance:
    """The balance of classes among samples.

    Attributes:
        names_K: The classes.
        observed_K: Share of each, as the classifier sees it, with its Wilson interval.
        corrected: The shares corrected for its confusion, or None where that isn't known.
        training_K: True shares of the training part, float64.
        estimates: class_share_gap and, with corrected shares, class_share_gap_corrected.
        metrics: All of it by name, with class_fid/NAME and floor_class_fid/NAME of the classes of which there are
            enough.
        notes: What could not be measured, and why.
    """

    names_K: tuple[str, ...]
    observed_K: tuple[tuple[float, float, float], ...]
    corrected: CorrectedShares | None
    training_K: Tensor
    estimates: dict[str, Estimate]
    metrics: dict[str, float]
    notes: tuple[str, ...]


def measure_balance(
    samples_SCHW: Tensor,
    held_out: ExampleSet,
    train: ExampleSet,
    features: Features,
    *,
    judge: ClassifierExtractor,
    known: ExampleSet | None,
) -> Balance:
    """Measures the class shares of samples against those of the training part.

    Args:
        samples_SCHW: Samples, uint8 [S, C, H, W].
        held_out: As many held-out images, with labels.
        train: The training images, with labels.
        features: Features of the three.
        judge: Tells an image's class.
        known: Further images with labels that the judge wasn't trained on, which give its confusion; None takes the
            held-out ones, for which corrected shares have then no floor.
    """
    assert train.labels_N is not None
    unseen = held_out if known is None else known
    assert unseen.labels_N is not None
    names, n = train.class_names_K, len(held_out)
    judged = judge.classes(samples_SCHW)
    shares, training = class_shares(judged, len(names)), class_shares(train.labels_N, len(names))
    estimates = {"class_share_gap": share_gap_estimate(judged, training, n)}
    metrics = {f"class_share/{name}": shares[i].item() for i, name in enumerate(names)}
    metrics |= {f"train_class_share/{name}": training[i].item() for i, name in enumerate(names)}
    of_real = judge.classes(held_out.examples_N)
    metrics["floor_class_share_gap"] = share_gap_estimate(of_real, training, n).value
    confusion = confusion_counts(unseen.labels_N, judge.classes(unseen.examples_N), len(names))
    metrics["classifier_accuracy"] = (confusion.diagonal().sum() / confusion.sum()).item()
    corrected, notes = _correct(judged, confusion, training, names, n)
    if corrected:
        estimates["class_share_gap_corrected"] = corrected.gap
        floor, _ = _correct(of_real, confusion, training, names, n)
        if floor and known is not None:
            metrics["floor_class_share_gap_corrected"] = floor.gap.value
        metrics |= {f"class_share_corrected/{name}": corrected.shares_K[i].item() for i, name in enumerate(names)}
    distances, too_few = _class_distances(judged, held_out, train, features)
    if too_few:
        notes += (
            f"No distance of its own for the classes {', '.join(too_few)}: fewer than {_FEWEST} images of a set.",
        )
    return Balance(
        names_K=names,
        observed_K=tuple((share, *wilson_interval(share, len(judged))) for share in shares.tolist()),
        corrected=corrected,
        training_K=training,
        estimates=estimates,
        metrics=metrics | distances,
        notes=notes,
    )


def _correct(
    judged_S: Tensor, confusion_KK: Tensor, training_K: Tensor, names_K: tuple[str, ...], n_real: int
) -> tuple[CorrectedShares | None, tuple[str, ...]]:
    generator = torch.Generator().manual_seed(0)
    try:
        corrected = corrected_shares(
            judged_S,
            confusion_KK,
            training_K,
            names_K=names_K,
            n_real=n_real,
            replicates=_REPLICATES,
            generator=generator,
        )
    except DataError as error:
        return None, (f"Class shares are not corrected for the classifier's confusion. {error}",)
    return corrected, ()


def _class_distances(
    judged_S: Tensor, held_out: ExampleSet, train: ExampleSet, features: Features
) -> tuple[dict[str, float], list[str]]:
    found: dict[str, float] = {}
    too_few = []
    assert held_out.labels_N is not None
    assert train.labels_N is not None
    for label, name in enumerate(train.class_names_K):
        sets = (
            features.held_out_NF[held_out.labels_N == label],
            features.samples_SF[judged_S == label],
            features.train_TF[train.labels_N == label],
        )
        n = min(map(len, sets))
        if n < _FEWEST:
            too_few.append(name)
            continue
        real, samples, training = (rows[evenly_spread(len(rows), n)] for rows in sets)
        found[f"class_fid/{name}"] = frechet_distance(real, samples)
        found[f"floor_class_fid/{name}"] = frechet_distance(real, training)
        found[f"class_fid_images/{name}"] = n
    return found, too_few
