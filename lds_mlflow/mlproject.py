"""MLproject, written from the configurations: `python -m lds_mlflow.mlproject > MLproject`."""

import sys
from typing import Any

import yaml

from lds_mlflow.graph import ENTRY_POINTS, parameters

__all__ = ["mlproject"]

_HEAD = "# Written by `python -m lds_mlflow.mlproject > MLproject` from lds_mlflow/config.py; edit that.\n"


def mlproject() -> str:
    """Returns the text of the project's MLproject file."""
    content = {
        "name": "lds_mlflow",
        "conda_env": "conda.yaml",
        "entry_points": {name: _entry_point(name) for name in ENTRY_POINTS},
    }
    return _HEAD + yaml.safe_dump(content, sort_keys=False, width=120)


def _entry_point(name: str) -> dict[str, Any]:
    fields = parameters(name)
    flags = " ".join(f"--{field}={{{field}}}" for field in fields)
    return {
        "parameters": {
            field: {"type": _type(info.default), "default": _plain(info.default), "help": info.description}
            for field, info in fields.items()
        },
        # exec: signals reach the program itself, and not a shell in front of it.
        "command": f"exec python -m lds_mlflow {name} {flags}",
    }


def _type(default: object) -> str:
    # MLflow knows string, float, path and uri.
    return "float" if isinstance(default, int | float) and not isinstance(default, bool) else "string"


def _plain(default: object) -> object:
    return default if isinstance(default, bool | int | float) else str(default)


if __name__ == "__main__":
    sys.stdout.write(mlproject())
