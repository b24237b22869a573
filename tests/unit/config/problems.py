"""What an error says of wrong parameters."""

import re
from typing import Any

import pytest

from lds_mlflow.config import Settings, parse_all
from lds_mlflow.errors import ConfigError

__all__ = ["named", "problems"]


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
