"""What the configurations share: the kinds of their parameters, and how to run."""

from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

__all__ = [
    "AUTO",
    "NO_MODEL",
    "NO_RUN",
    "Count",
    "CountOrAll",
    "Declared",
    "FileOrEmpty",
    "Fraction",
    "NotNegative",
    "OptionalRunReference",
    "Options",
    "Positive",
    "Replicates",
    "RunReference",
    "Seed",
    "Settings",
    "StepConfig",
    "is_declared",
]

AUTO = "auto"
"""The value of a parameter that names runs for: those that fit, found or made."""

NO_RUN = "none"
"""The value of a `_run` parameter for: without that input."""

NO_MODEL = "none"
"""The value of `registered_model` for: don't register."""

T = TypeVar("T")
_DECLARED = "declared in MLproject"
Declared = Annotated[T, _DECLARED]
"""The type of a parameter that MLproject lists, since people set it; every other one can be set as well."""

Fraction = Annotated[float, Field(gt=0, lt=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
CountOrAll = Annotated[int, Field(ge=0)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Replicates = Annotated[int, Field(ge=100, le=1_000_000)]


def _names_a_run(value: str) -> str:
    if value == NO_RUN:
        raise ValueError("should name a run: this input can't be left out")
    return value


RunReference = Annotated[str, Field(min_length=1), AfterValidator(_names_a_run)]
OptionalRunReference = Annotated[str, Field(min_length=1)]


def _is_file(value: str) -> str:
    if value and not Path(value).is_file():
        raise ValueError(f"should be a file, or empty: there is none at {value}")
    return value


FileOrEmpty = Annotated[str, AfterValidator(_is_file)]


class Settings(BaseModel):
    """Parameters, frozen; an unknown one is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, validate_default=True)


class Options(Settings):
    """How to run, whatever the step; nothing here changes a result."""

    reuse: Declared[bool] = True
    """Whether a finished run with the same fingerprint stands in for running a step; false: only of this command."""

    device: Declared[str] = Field("auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$")
    """Where to compute: auto (a GPU where there is one), cpu, cuda or cuda:N."""

    work_dir: Declared[Path] = Path(".lds")
    """Folder for checkpoints of unfinished runs, and for what a server that is away hasn't taken; in the project."""

    outage_minutes: NotNegative = 30
    """Minutes to wait, at a run's end, for a tracking server that is away; what it has not taken stays in work_dir."""

    checkpoint_every: Count = 500
    """Training steps between two checkpoints."""


class StepConfig(Settings):
    """What a step's result depends on, beside its inputs."""


def is_declared(field: FieldInfo) -> bool:
    """Says whether MLproject lists a parameter."""
    return _DECLARED in field.metadata
