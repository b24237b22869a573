"""The balance of classes among samples: shares, corrected shares, and the Frechet distance of each class by itself."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from lds_mlflow.errors import DataError
from lds_mlflow.machine.arrays import taking_arrays
from lds_mlflow.metrics.attributes import (
    CorrectedShares,
    class_shares,
    confusion_counts,
    corrected_shares,
    share_gap_estimate,
    wilson_interval,
)
from lds_mlflow.metrics.estimates import Estimate
from lds_mlflow.metrics.frechet import frechet_distance
from lds_mlflow.values import evenly_spread

__all__ = ["Balance", "ClassLabels", "Features", "JudgedLabels", "measure_balance"]

_FEWEST = 10
_REPLICATES = 1000


@dataclass(frozen=True, slots=True)
class Features:
    """Features of the three sets of an evaluation.

    Attributes:
        samples_SF: Features of the samples, float [S, F].
        held_out_NF: Features of as many held-out examples, float [N, F].
        train_TF: Features of all training examples, float [T, F].
    """

    samples_SF: Tensor
    held_out_NF: Tensor
    train_TF: Tensor


class JudgedLabels(NamedTuple):
    """The true classes of real examples, beside those that a classifier takes them for.

    Attributes:
        true_N: The true class of every example, int64 [N].
        judged_N: The class that the classifier gives it, int64 [N].
    """

    true_N: Tensor
    judged_N: Tensor


@dataclass(frozen=True, slots=True)
class ClassLabels:
    """The classes of the real examples of an evaluation.

    Attributes:
        names_K: The names of the classes.
        train_T: The true class of every training example, int64 [T].
        held_out: The classes of as many held-out examples as there are samples.
        further: The classes of further real examples that the classifier was not trained on, which give its confusion.
            None takes the held-out examples for that, and then the corrected shares have no floor.
    """

    names_K: tuple[str, ...]
    train_T: Tensor
    held_out: JudgedLabels
    further: JudgedLabels | None = None


@dataclass(frozen=True, slots=True)
class Balance:
    """The balance of classes among samples.

    Attributes:
        names_K: The names of the classes.
        observed_K: The share of each class by the classifier's word, with the ends of its Wilson interval.
        corrected: The shares corrected for the classifier's confusion, or None where that is not known.
        training_K: The true shares of the training part, float64.
        estimates: class_share_gap and, with corrected shares, class_share_gap_corrected.
        metrics: All figures by name, with class_fid/NAME and floor_class_fid/NAME for the classes that have enough
            examples.
        notes: What could not be measured, and why.
    """

    names_K: tuple[str, ...]
    observed_K: tuple[tuple[float, float, float], ...]
    corrected: CorrectedShares | None
    training_K: Tensor
    estimates: dict[str, Estimate]
    metrics: dict[str, float]
    notes: tuple[str, ...]


@taking_arrays
def measure_balance(judged_S: Tensor, labels: ClassLabels, features: Features) -> Balance:
    """Measures the class shares of samples against those of the training part.

    Args:
        judged_S: The classes that the classifier gives the samples, int64 [S].
        labels: The classes of the real examples.
        features: The features of samples, held-out and training examples, in the order of their labels.
    """
    names, n = labels.names_K, len(labels.held_out.true_N)
    shares, training = class_shares(judged_S, len(names)), class_shares(labels.train_T, len(names))
    estimates = {"class_share_gap": share_gap_estimate(judged_S, training, n)}
    metrics = {f"class_share/{name}": shares[i].item() for i, name in enumerate(names)}
    metrics |= {f"train_class_share/{name}": training[i].item() for i, name in enumerate(names)}
    metrics["floor_class_share_gap"] = share_gap_estimate(labels.held_out.judged_N, training, n).value
    unseen = labels.held_out if labels.further is None else labels.further
    confusion = confusion_counts(unseen.true_N, unseen.judged_N, len(names))
    metrics["classifier_accuracy"] = (confusion.diagonal().sum() / confusion.sum()).item()
    corrected, notes = _correct(judged_S, confusion, training, names, n)
    if corrected:
        estimates["class_share_gap_corrected"] = corrected.gap
        floor, _ = _correct(labels.held_out.judged_N, confusion, training, names, n)
        if floor and labels.further is not None:
            metrics["floor_class_share_gap_corrected"] = floor.gap.value
        metrics |= {f"class_share_corrected/{name}": corrected.shares_K[i].item() for i, name in enumerate(names)}
    distances, too_few = _class_distances(judged_S, labels, features)
    if too_few:
        notes += (
            f"The classes {', '.join(too_few)} have no distance of their own, since the samples, the held-out or the "
            f"training examples have fewer than {_FEWEST} of them.",
        )
    return Balance(
        names_K=names,
        observed_K=tuple((share, *wilson_interval(share, len(judged_S))) for share in shares.tolist()),
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


def _class_distances(judged_S: Tensor, labels: ClassLabels, features: Features) -> tuple[dict[str, float], list[str]]:
    found: dict[str, float] = {}
    too_few = []
    for label, name in enumerate(labels.names_K):
        sets = (
            features.held_out_NF[labels.held_out.true_N == label],
            features.samples_SF[judged_S == label],
            features.train_TF[labels.train_T == label],
        )
        n = min(map(len, sets))
        if n < _FEWEST:
            too_few.append(name)
            continue
        real, samples, training = (rows[evenly_spread(len(rows), n)] for rows in sets)
        found[f"class_fid/{name}"] = frechet_distance(real, samples)
        found[f"floor_class_fid/{name}"] = frechet_distance(real, training)
        found[f"class_fid_examples/{name}"] = n
    return found, too_few
