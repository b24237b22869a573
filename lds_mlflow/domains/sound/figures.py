"""Figures of sound: distances by the speaker encoder, and whether a sample of a class is heard as one of it.

The Frechet audio distance is that of Kilgour et al., Frechet Audio Distance, 2019, with another network's features. The
kernel audio distance has the kernel of KID, on features that are scaled to a mean square of 1.
"""

from math import isnan, nan, sqrt

import pandas as pd
from torch import Tensor

from lds_mlflow.domains.domain import DrawClass, Instruments
from lds_mlflow.domains.sound.speaker import SpeakerExtractor
from lds_mlflow.errors import ConfigError
from lds_mlflow.metrics import (
    CachedExtractor,
    Estimate,
    Extractor,
    FurtherFigures,
    Judge,
    RealExamples,
    frechet_estimate,
    kernel_distance,
)
from lds_mlflow.values import LEAST_OF_A_CLASS, class_sizes

__all__ = ["further_figures"]

_DRAWN = 50
"""Samples of each class."""


def further_figures(samples_N: Tensor, real: RealExamples, by: Instruments) -> FurtherFigures:
    """Returns the figures of samples of sound; see DOMAIN_FIGURES."""
    voices, classes = _distances(samples_N, real, by), _of_classes(real, by)
    return FurtherFigures(
        estimates=voices.estimates,
        values=classes.values,
        floor={**voices.floor, **classes.floor},
        tables=classes.tables,
        notes=voices.notes + classes.notes,
    )


def _distances(samples_N: Tensor, real: RealExamples, by: Instruments) -> FurtherFigures:
    try:
        speaker: Extractor = SpeakerExtractor(device=by.device)
    except ConfigError as error:
        return FurtherFigures(notes=(f"There are no distances by the speaker encoder. {error}",))
    speaker = CachedExtractor(speaker, by.cache) if by.cache else speaker
    held_out, samples, train = (
        speaker.features(examples)
        for examples in (real.held_out.examples_N, samples_N, real.train.spread(len(samples_N)).examples_N)
    )
    estimates = _both(held_out, samples)
    floor = {name: estimate.value for name, estimate in _both(held_out, train).items()}
    return FurtherFigures(estimates=estimates, floor=floor)


def _both(real_NF: Tensor, other_MF: Tensor) -> dict[str, Estimate]:
    scale = sqrt(real_NF.shape[1])
    return {"fad": frechet_estimate(real_NF, other_MF), "kad": kernel_distance(scale * real_NF, scale * other_MF)}


def _of_classes(real: RealExamples, by: Instruments) -> FurtherFigures:
    if by.judge is None:
        return FurtherFigures()
    if by.draw_class is None:
        return FurtherFigures(
            notes=("There is no accuracy of classes: this sampler draws none. The sampler density does.",)
        )
    sizes = class_sizes(real.train.labels_N, real.train.class_names_K)
    names = [name for name, size in sizes.items() if size >= LEAST_OF_A_CLASS]
    of_samples = {name: _accuracy_of_samples(name, real, by.judge, by.draw_class) for name in names}
    of_real = {name: _accuracy_of_real(name, real, by.judge) for name in names}
    table = pd.DataFrame(
        [(name, f"{of_samples[name]:.1%}", f"{of_real[name]:.1%}") for name in names],
        columns=["class", f"{_DRAWN} samples of the class", "held-out examples of the class"],
    )
    return FurtherFigures(
        values={"class_accuracy": _mean(of_samples)},
        floor={"class_accuracy": _mean(of_real)},
        tables={"Share of the samples of each class that the classifier takes for it.": table},
    )


def _accuracy_of_samples(name: str, real: RealExamples, judge: Judge, draw_class: DrawClass) -> float:
    number = real.train.class_names_K.index(name)
    return float((judge.classes(draw_class(name, _DRAWN)) == number).double().mean())


def _accuracy_of_real(name: str, real: RealExamples, judge: Judge) -> float:
    number = real.train.class_names_K.index(name)
    assert real.held_out.labels_N is not None
    of_class = real.held_out.examples_N[real.held_out.labels_N == number]
    return float((judge.classes(of_class) == number).double().mean()) if len(of_class) else nan


def _mean(shares: dict[str, float]) -> float:
    known = [share for share in shares.values() if not isnan(share)]
    return sum(known) / len(known) if known else nan
