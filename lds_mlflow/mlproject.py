"""MLproject, written from the configurations."""

from collections.abc import Mapping
from typing import Any

import yaml
from pydantic.fields import FieldInfo

__all__ = ["mlproject"]

_HEAD = "# Written by `python -m tuning.mlproject > MLproject` from the configurations; edit those.\n"


def mlproject(entry_points: Mapping[str, tuple[str, Mapping[str, FieldInfo]]]) -> str:
    """Returns the text of the project's MLproject file.

    Args:
        entry_points: By name, the package that runs each, and its parameters.
    """
    content = {
        "name": "lds_mlflow",
        "conda_env": "conda.yaml",
        "entry_points": {name: _entry_point(name, *how) for name, how in entry_points.items()},
    }
    return _HEAD + yaml.safe_dump(content, sort_keys=False, width=120)


def _entry_point(name: str, package: str, fields: Mapping[str, FieldInfo]) -> dict[str, Any]:
    flags = " ".join(f"--{field}={{{field}}}" for field in fields)
    return {
        "parameters": {
            field: {"type": _type(info.default), "default": _plain(info.default), "help": info.description}
            for field, info in fields.items()
        },
        # exec: signals reach the program itself, and not a shell in front of it.
        "command": f"exec python -m {package} {name} {flags}",
    }


def _type(default: object) -> str:
    # MLflow knows string, float, path and uri.
    return "float" if isinstance(default, int | float) and not isinstance(default, bool) else "string"


def _plain(default: object) -> object:
    return default if isinstance(default, bool | int | float) else str(default)
