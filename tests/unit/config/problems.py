"""What an error says of wrong parameters."""

import re
from typing import Any

import pytest

from lds_mlflow.config import Settings, parse, parse_all
from lds_mlflow.errors import ConfigError

__all__ = ["named", "problems", "require_refused", "require_taken"]


def problems(kinds: tuple[type[Settings], ...], values: dict[str, Any]) -> list[str]:
    """Returns the lines of the error, one for each wrong parameter."""
    with pytest.raises(ConfigError) as caught:
        parse_all(kinds, values)
    found = [line.removeprefix("  - ") for line in caught.value.found.splitlines() if line.strip()]
    assert caught.value.what == f"{len(found)} wrong parameter{'s' if len(found) > 1 else ''}"
    assert "--help" in caught.value.remedy
    return found


def named(lines: list[str]) -> list[str]:
    """Returns the parameters that lines of the error name, sorted."""
    return sorted(re.split("[=;]", line.removeprefix("there is no parameter "))[0] for line in lines)


def require_refused(kind: type[Settings], name: str, value: Any) -> None:
    """Asserts that a parameter can't have a value, and that the error names both and says what it should be."""
    (problem,) = problems((kind,), {name: value})
    assert problem.startswith(f"{name}={value}: ")
    assert "should" in problem


def require_taken(kind: type[Settings], name: str, value: Any) -> None:
    """Asserts that a parameter can have a value."""
    assert getattr(parse(kind, {name: value}), name) == value
