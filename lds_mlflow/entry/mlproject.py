"""MLproject, written from the configurations."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml
from pydantic.fields import FieldInfo

from lds_mlflow.config import help_of

__all__ = ["IN_A_CONTAINER", "ON_THIS_MACHINE", "Surroundings", "mlproject"]

_HEAD = "# Written by `python -m tuning.mlproject` from the configurations; edit those.\n"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a project runs in.

    Attributes:
        name: Of the project.
        environment: MLproject's keys that make it.
        by_shell: Whether the launcher starts commands by a shell.
        defaults: Of parameters, where they differ from the configurations'.
    """

    name: str
    environment: Mapping[str, Any]
    by_shell: bool
    defaults: Mapping[str, str] = field(default_factory=dict)


ON_THIS_MACHINE = Surroundings("lds_mlflow", {"conda_env": "conda.yaml"}, by_shell=True)

IN_A_CONTAINER = Surroundings(
    # Kubernetes takes no underscore in the name of a job.
    "lds-mlflow",
    # What it listed as `environment` would have to be set; passwords come by -A env-file=FILE.
    {"docker_env": {"image": "lds-mlflow", "volumes": ["lds-work:/work"]}},
    by_shell=False,
    # The launcher's folder of the project can't be written to.
    defaults={"work_dir": "/work", "storage": "sqlite:////work/tuning.db"},
)


def mlproject(entry_points: Mapping[str, tuple[str, Mapping[str, FieldInfo]]], surroundings: Surroundings) -> str:
    """Returns the text of an MLproject file.

    Args:
        entry_points: By name, the package that runs each, and its parameters.
        surroundings: What it runs in.
    """
    content = {
        "name": surroundings.name,
        **surroundings.environment,
        "entry_points": {name: _entry_point(name, *how, surroundings) for name, how in entry_points.items()},
    }
    return _HEAD + yaml.safe_dump(content, sort_keys=False, width=120)


def _entry_point(
    name: str, package: str, fields: Mapping[str, FieldInfo], surroundings: Surroundings
) -> dict[str, Any]:
    flags = " ".join(f"--{field}={{{field}}}" for field in fields)
    # exec: signals reach the program itself, and not a shell in front of it.
    start = "exec " if surroundings.by_shell else ""
    return {
        "parameters": {
            field: {
                "type": _type(info.default),
                "default": surroundings.defaults.get(field, _plain(info.default)),
                "help": help_of(info),
            }
            for field, info in fields.items()
        },
        "command": f"{start}python -m {package} {name} {flags}",
    }


def _type(default: object) -> str:
    # MLflow knows string, float, path and uri.
    return "float" if isinstance(default, int | float) and not isinstance(default, bool) else "string"


def _plain(default: object) -> object:
    return default if isinstance(default, bool | int | float) else str(default)
