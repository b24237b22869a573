"""Figures that one kind of examples has beside those that every kind has."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import pandas as pd
from torch import Tensor

from lds_mlflow.metrics.estimates import Estimate
from lds_mlflow.values import ExampleSet

__all__ = ["FurtherFigures", "FurtherMeasure", "RealExamples"]


class RealExamples(NamedTuple):
    """The real examples that samples are measured against.

    Attributes:
        train: The training examples: they give the floor, the class shares to keep, and what could be memorized.
        held_out: Examples that nothing was fitted or chosen on.
        further: Further examples that neither the model nor the judge was trained on. They give the judge's confusion,
            which the held-out ones give where there are none, and the floor of memorization, which is then left out.
    """

    train: ExampleSet
    held_out: ExampleSet
    further: ExampleSet | None = None


class FurtherFigures(NamedTuple):
    """What was measured of samples, each figure by its name in FIGURES, of the family "domain".

    Attributes:
        estimates: Figures with influences, of all held-out examples and all samples; they get intervals, and models can
            be compared by them.
        values: Figures without influences.
        floor: The same figures of real examples in place of samples.
        tables: Tables for the report, by their captions.
        notes: What could not be measured, or what a reader has to know, in sentences.
    """

    estimates: Mapping[str, Estimate] = {}
    values: Mapping[str, float] = {}
    floor: Mapping[str, float] = {}
    tables: Mapping[str, pd.DataFrame] = {}
    notes: tuple[str, ...] = ()


FurtherMeasure = Callable[[Tensor, RealExamples], FurtherFigures]
"""Measures samples, [S, ...], against as many held-out examples."""
