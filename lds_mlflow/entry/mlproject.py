"""MLproject, written from the entry points."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml
from pydantic.fields import FieldInfo

from lds_mlflow.config import choices_of
from lds_mlflow.entry.points import EntryPoint

__all__ = ["IN_A_CONTAINER", "ON_THIS_MACHINE", "Surroundings", "mlproject"]

_HEAD = """\
# Written by `python -m tuning.mlproject` from the configurations; edit those.
# These are the parameters that people set most. -P sets any other as well:
# `python -m lds_mlflow ENTRY_POINT --help-all` lists all of them.
"""


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


def mlproject(points: Iterable[EntryPoint], surroundings: Surroundings) -> str:
    """Returns the text of an MLproject file.

    Args:
        points: The entry points.
        surroundings: What it runs in.
    """
    head = yaml.safe_dump({"name": surroundings.name, **surroundings.environment}, sort_keys=False)
    return "\n".join([f"{_HEAD}{head}\nentry_points:", *(_entry_point(point, surroundings) for point in points)])


def _entry_point(point: EntryPoint, surroundings: Surroundings) -> str:
    flags = "".join(f" --{name}={{{name}}}" for name in point.declared)
    # exec: signals reach the program itself, and not a shell in front of it.
    start = "exec " if surroundings.by_shell else ""
    # One line a parameter: people look for a name and its default, which MLflow itself doesn't show.
    lines = [f"      {name}: {_parameter(name, field, surroundings)}" for name, field in point.declared.items()]
    command = _in_one_line(f"{start}python -m lds_mlflow {point.name}{flags}")
    return "\n".join([f"  {point.name}:", "    parameters:", *lines, f"    command: {command}", ""])


def _parameter(name: str, field: FieldInfo, surroundings: Surroundings) -> str:
    default = surroundings.defaults.get(name, _plain(field.default))
    return _in_one_line({"type": _type(field.default), "default": default, "help": _help(field)})


def _help(field: FieldInfo) -> str:
    # What each choice means is told by --help-all.
    choices = ", ".join(choices_of(field))
    return f"{field.description} One of {choices}." if choices else str(field.description)


def _in_one_line(value: object) -> str:
    text: str = yaml.safe_dump(value, sort_keys=False, default_flow_style=True, width=float("inf"))
    return text.removesuffix("\n").removesuffix("\n...")


def _type(default: object) -> str:
    # MLflow knows string, float, path and uri.
    return "float" if isinstance(default, int | float) and not isinstance(default, bool) else "string"


def _plain(default: object) -> object:
    return default if isinstance(default, bool | int | float) else str(default)
