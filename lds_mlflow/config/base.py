"""What the configurations share: the types of their parameters, and the options of every command."""

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    TypeAdapter,
    ValidationError,
)
from pydantic.fields import FieldInfo

from lds_mlflow.config.kinds import Kind
from lds_mlflow.config.place import kept

__all__ = [
    "AUTO",
    "NO_MODEL",
    "NO_RUN",
    "Count",
    "CountOrAll",
    "CountOrAuto",
    "Declared",
    "FileOrEmpty",
    "Fraction",
    "FromFile",
    "NotNegative",
    "OptionalRunReference",
    "Options",
    "Pixels",
    "Positive",
    "Replicates",
    "RunReference",
    "Seed",
    "Settings",
    "StepConfig",
    "WorkFolder",
    "is_declared",
    "or_auto",
]

AUTO = "auto"
"""Value of a parameter that names runs: the matching runs are found, or made. Of others: a fitting value is found."""

NO_RUN = "none"
"""Value of a `_run` parameter: the step runs without this input."""

NO_MODEL = "none"
"""Value of `registered_model`: no model is registered."""

MOST = 1_000_000_000
"""The largest number of anything that is counted: beyond it, integers leave the range of what counts them."""

T = TypeVar("T")
_DECLARED = "declared in MLproject"
Declared = Annotated[T, _DECLARED]
"""The type of a parameter that MLproject lists, since people set it; every other one can be set as well."""

Fraction = Annotated[float, Field(gt=0, lt=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, le=MOST)]
CountOrAll = Annotated[int, Field(ge=0, le=MOST)]


def or_auto(number: Any) -> PlainValidator:
    """Returns the check of a parameter that is auto or a number of a type."""
    numbers = TypeAdapter[float](number)

    def checked(value: object) -> float | str:
        try:
            return AUTO if value == AUTO else numbers.validate_python(value)
        except ValidationError as error:
            raise ValueError(f"{error.errors()[0]['msg'].removeprefix('Input ')}, or be {AUTO}") from error

    return PlainValidator(checked)


CountOrAuto = Annotated[int | Literal["auto"], or_auto(Count), Kind("auto|INTEGER")]
Pixels = Annotated[int, Field(ge=0, le=2048)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Replicates = Annotated[int, Field(ge=100, le=1_000_000)]


def _names_a_run(value: str) -> str:
    if value == NO_RUN:
        raise ValueError("should name a run, since the step needs this input")
    return value


RunReference = Annotated[str, Field(min_length=1), AfterValidator(_names_a_run), Kind("RUN")]
OptionalRunReference = Annotated[str, Field(min_length=1), Kind("RUN")]


def _is_file(value: str) -> str:
    if value and not Path(value).is_file():
        raise ValueError(f"should be a file or empty, but there is no file at {value}")
    return value


FileOrEmpty = Annotated[str, AfterValidator(_is_file), Kind("FILE")]
WorkFolder = Annotated[Path, AfterValidator(kept)]


class Settings(BaseModel):
    """Parameters that can't be changed; an unknown parameter is an error.

    Attributes:
        topic: The heading in a help text under which the parameters stand.
    """

    topic: ClassVar[str] = "Advanced"

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, validate_default=True)


class FromFile(Settings):
    """The file that the other parameters of a command may be in."""

    config: FileOrEmpty = ""
    """YAML file of parameters; a flag counts before it, but under mlflow run not a -P with the default's value."""


class Options(FromFile):
    """Options of every command; none of them changes a result."""

    reuse: Declared[bool] = True
    """Whether to reuse finished runs with the same fingerprint; false reuses only what this command has made itself."""

    device: Declared[str] = Field("auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$")
    """Device to compute on: auto (a GPU if torch can use one), cpu, cuda or cuda:N."""

    work_dir: Declared[WorkFolder] = Path(".lds")
    """Folder for checkpoints, cached features and what the tracking server hasn't received; relative to the project."""

    outage_minutes: Annotated[float, Field(ge=0, le=1_000_000)] = 30
    """Minutes to wait, at the end of a run, for an unreachable tracking server; its data then stays in work_dir."""

    checkpoint_every: Count = 500
    """Number of training steps between two checkpoints."""


class StepConfig(Settings):
    """Parameters on which the result of a step depends, besides its inputs."""


def is_declared(field: FieldInfo) -> bool:
    """Says whether MLproject lists a parameter."""
    return _DECLARED in field.metadata
