"""What a parameter takes, in a word and a range, for people who read a help text."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo

from lds_mlflow.config.choice import choices_of

__all__ = ["Kind", "kind_of", "range_of"]

_BEYOND_ALL = 1_000_000
"""Bounds from here on only keep numbers within what can be counted, and are left out."""

_LONGEST = 24
_NAMES: dict[Any, str] = {int: "INTEGER", float: "NUMBER", bool: "true|false", Path: "FOLDER"}


@dataclass(frozen=True, slots=True)
class Kind:
    """Marks a parameter whose type doesn't say what it takes: `Annotated[str, Kind("FILE")]`.

    Attributes:
        name: What it takes, in a word.
    """

    name: str


def kind_of(field: FieldInfo) -> str:
    """Returns what a parameter takes in a word, or the names that it takes one of where these are few."""
    marked = [mark.name for mark in field.metadata if isinstance(mark, Kind)]
    if marked:
        return marked[0]
    choices = "|".join(choices_of(field))
    if choices:
        return choices if len(choices) <= _LONGEST else "NAME"
    name = _NAMES.get(field.annotation, "TEXT")
    return f"auto|{name}" if name != "TEXT" and field.default == "auto" else name


def range_of(field: FieldInfo) -> str:
    """Returns the range of a parameter that is a number, in words, or ""."""
    low, high = "", ""
    for bound in field.metadata:
        match bound:
            case Ge(ge=value):
                low = f"from {_number(value)}"
            case Gt(gt=value):
                low = f"above {_number(value)}"
            case Le(le=value) if abs(float(str(value))) < _BEYOND_ALL:
                high = f"to {_number(value)}"
            case Lt(lt=value) if abs(float(str(value))) < _BEYOND_ALL:
                high = f"to below {_number(value)}" if low else f"below {_number(value)}"
            case _:
                pass
    return " ".join(part for part in (low, high) if part)


def _number(value: object) -> str:
    return f"{float(str(value)):g}"
