"""Configuration of `compare`."""

import re
from typing import ClassVar

from pydantic import field_validator

from lds_mlflow.choices.figures import MARGIN
from lds_mlflow.config.base import AUTO, Fraction, Replicates, StepConfig

__all__ = ["CompareConfig", "named_runs"]


class CompareConfig(StepConfig):
    """Say which of two or more models is better, by how much, and how sure that is."""

    topic: ClassVar[str] = "Compare"

    runs: str = "auto"
    """RUN,RUN or NAME=RUN,NAME=RUN: of evaluate, finetune or train. auto: the baseline, the control, the finetuned."""

    margin: Fraction = MARGIN
    """Smallest difference that matters, as a share of the figure's value."""

    bootstrap_replicates: Replicates = 10_000
    """Number of bootstrap replicates for confidence intervals."""

    @field_validator("runs")
    @classmethod
    def _names_several(cls, value: str) -> str:
        if value != AUTO:
            named_runs(value)
        return value


def named_runs(text: str) -> list[tuple[str, str]]:
    """Returns names and runs of a list RUN,RUN or NAME=RUN,NAME=RUN; a run without a name has an empty one.

    Raises:
        ValueError: There are fewer than two, one has no run, or a name can't be used or comes twice.
    """
    found: list[tuple[str, str]] = []
    for item in text.split(","):
        name, named, run = (part.strip() for part in item.rpartition("="))
        if not run:
            raise ValueError("should be RUN,RUN or NAME=RUN,NAME=RUN, with nothing left out")
        if named and (not re.fullmatch(r"\w[\w .-]*", name) or name in dict(found)):
            raise ValueError(
                f"should name every run by letters, digits, dots and dashes, each its own way: not {name!r}"
            )
        found.append((name, run))
    if len(found) < 2:
        raise ValueError("should name two runs or more, or be auto")
    return found
