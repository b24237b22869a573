"""MLproject = configurations = flags."""

import re
import shlex
from typing import Any

import click
import pytest
import yaml

from lds_mlflow.__main__ import cli
from lds_mlflow.config import help_of, parse_all
from lds_mlflow.entry.graph import DELIVER, ENTRY_POINTS, MAIN, PROMOTE, SERVE, STEPS, configs_behind, parameters
from tests.places import ROOT
from tuning.__main__ import cli as tuning_cli
from tuning.entry import CONFIGS, PARAMETERS, TUNE
from tuning.mlproject import mlprojects

PROJECT: dict[str, Any] = yaml.safe_load((ROOT / "MLproject").read_text())
POINTS: dict[str, Any] = PROJECT["entry_points"]
FIELDS = {**{name: parameters(name) for name in ENTRY_POINTS}, TUNE: PARAMETERS}
KINDS = {**{name: configs_behind(name) for name in ENTRY_POINTS}, TUNE: CONFIGS}
COMMANDS = {**cli.commands, **tuning_cli.commands}


def _flags(entry_point: str) -> dict[str, click.Option]:
    command = COMMANDS[entry_point]
    return {option.opts[0].removeprefix("--"): option for option in command.params if isinstance(option, click.Option)}


@pytest.mark.parametrize("path", ["MLproject", "containers/MLproject"])
def test_mlproject_is_what_the_configurations_give(path: str) -> None:
    assert (ROOT / path).read_text() == mlprojects()[path]


def test_in_a_container_only_the_folders_are_others() -> None:
    found: dict[str, Any] = yaml.safe_load((ROOT / "containers" / "MLproject").read_text())["entry_points"]
    assert set(found) == set(POINTS)
    for name, point in found.items():
        assert f"exec {point['command']}" == POINTS[name]["command"]
        others = {key for key, item in point["parameters"].items() if item != POINTS[name]["parameters"][key]}
        assert others == {"work_dir", "storage"} & set(point["parameters"])
        # MLflow hands it to the container word by word.
        assert not set("$|&;<>") & set(point["command"])


def test_mlproject_the_commands_and_the_steps_have_the_same_entry_points() -> None:
    assert set(POINTS) == set(COMMANDS) == {MAIN, *STEPS, PROMOTE, SERVE, DELIVER, TUNE} == {*ENTRY_POINTS, TUNE}


@pytest.mark.parametrize("entry_point", FIELDS)
def test_every_parameter_has_a_type_a_default_and_a_help_text(entry_point: str) -> None:
    for name, parameter in POINTS[entry_point]["parameters"].items():
        assert parameter["type"] in {"string", "float"}, name
        assert parameter["default"] is not None, name
        assert len(parameter["help"]) > 10, name


@pytest.mark.parametrize("entry_point", FIELDS)
def test_mlproject_the_flags_and_the_configuration_have_the_same_parameters(entry_point: str) -> None:
    assert set(POINTS[entry_point]["parameters"]) == set(_flags(entry_point)) == set(FIELDS[entry_point])


@pytest.mark.parametrize("entry_point", FIELDS)
def test_the_command_passes_every_parameter_on(entry_point: str) -> None:
    # MLflow drops a parameter that the command doesn't name, without a word.
    command = POINTS[entry_point]["command"]
    passed = dict(re.findall(r"--(\w+)=\{(\w+)\}", command))
    assert passed == {name: name for name in POINTS[entry_point]["parameters"]}
    assert shlex.split(command)[:5] == [
        "exec",
        "python",
        "-m",
        "tuning" if entry_point == TUNE else "lds_mlflow",
        entry_point,
    ]


@pytest.mark.parametrize("entry_point", FIELDS)
def test_the_defaults_are_equal_everywhere(entry_point: str) -> None:
    kinds = KINDS[entry_point]
    defaults = parse_all(kinds, {})
    from_mlproject = {name: str(item["default"]) for name, item in POINTS[entry_point]["parameters"].items()}
    from_flags = {name: option.default for name, option in _flags(entry_point).items()}
    assert parse_all(kinds, from_mlproject) == defaults
    assert parse_all(kinds, from_flags) == defaults


@pytest.mark.parametrize("entry_point", FIELDS)
def test_the_help_texts_are_equal_everywhere(entry_point: str) -> None:
    in_mlproject = {name: item["help"] for name, item in POINTS[entry_point]["parameters"].items()}
    in_config = {name: help_of(field) for name, field in FIELDS[entry_point].items()}
    in_flags = {name: option.help for name, option in _flags(entry_point).items()}
    assert in_mlproject == in_config == in_flags
