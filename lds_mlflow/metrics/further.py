"""Figures that one kind of examples has beside those that every kind has."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pandas as pd
from torch import Tensor

from lds_mlflow.metrics.estimates import Estimate
from lds_mlflow.values import ExampleSet

__all__ = ["FurtherFigures", "FurtherMeasure", "RealExamples"]


@dataclass(frozen=True, slots=True)
class RealExamples:
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


@dataclass(frozen=True, slots=True)
class FurtherFigures:
    """What was measured of samples, each figure by its name in FIGURES, of the family "domain".

    Attributes:
        estimates: Figures with influences, of all held-out examples and all samples; they get intervals, and models can
            be compared by them.
        values: Figures without influences.
        floor: The same figures of real examples in place of samples.
        tables: Tables for the report, by their captions.
        notes: What could not be measured, or what a reader has to know, in sentences.
    """

    estimates: Mapping[str, Estimate] = field(default_factory=dict)
    values: Mapping[str, float] = field(default_factory=dict)
    floor: Mapping[str, float] = field(default_factory=dict)
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


FurtherMeasure = Callable[[Tensor, RealExamples], FurtherFigures]
"""Measures samples, [S, ...], against as many held-out examples."""
