"""MLproject = entry points = flags = configurations."""

import shlex
import subprocess
from collections import defaultdict
from typing import Any

import click
import pytest
import yaml
from click.testing import CliRunner
from mlflow.projects._project_spec import EntryPoint as MlflowEntryPoint

from lds_mlflow.__main__ import cli
from lds_mlflow.config import choices_of, help_of, parse_all
from lds_mlflow.entry.points import ENTRY_POINTS
from tests.places import ROOT
from tuning.entry import TUNE
from tuning.mlproject import mlprojects

PATHS = ("MLproject", "containers/MLproject")
PROJECT: dict[str, Any] = yaml.safe_load((ROOT / "MLproject").read_text())
POINTS: dict[str, Any] = PROJECT["entry_points"]
OURS = {**ENTRY_POINTS, TUNE.name: TUNE}
COMMANDS = cli.commands
AWKWARD = ("a b", "it's", 'a "b"', "a; echo b", "$HOME", "`id`", "a|b", "a&b", "*", "ü", "-1", "")

ALL_POINTS = pytest.mark.parametrize("name", OURS)


def _flags(name: str) -> dict[str, click.Option]:
    options = (option for option in COMMANDS[name].params if isinstance(option, click.Option) and not option.is_flag)
    return {option.opts[0].removeprefix("--"): option for option in options}


def _launched(name: str, given: dict[str, str]) -> str:
    """The command that MLflow's launcher makes of an entry point and parameters."""
    point = MlflowEntryPoint(name, POINTS[name]["parameters"], POINTS[name]["command"])
    command: str = point.compute_command(given, None)
    return command


@pytest.mark.parametrize("path", PATHS)
def test_mlproject_is_what_the_configurations_give(path: str) -> None:
    assert (ROOT / path).read_text() == mlprojects()[path]


def test_both_files_are_short_enough_to_be_read() -> None:
    assert sum(len((ROOT / path).read_text().splitlines()) for path in PATHS) < 600
    assert all(len(point["parameters"]) <= 20 for point in POINTS.values())


def test_in_a_container_only_the_folders_are_others() -> None:
    found: dict[str, Any] = yaml.safe_load((ROOT / "containers" / "MLproject").read_text())["entry_points"]
    assert set(found) == set(POINTS)
    for name, point in found.items():
        assert f"exec {point['command']}" == POINTS[name]["command"]
        others = {key for key, item in point["parameters"].items() if item != POINTS[name]["parameters"][key]}
        assert others == {"work_dir", "storage"} & set(OURS[name].parameters)
        # MLflow hands it to the container word by word.
        assert not set("$|&;<>") & set(point["command"])


def test_mlproject_and_the_commands_have_the_same_entry_points() -> None:
    assert set(POINTS) == set(COMMANDS) == set(OURS)


@ALL_POINTS
def test_every_declared_parameter_has_a_type_a_default_and_a_help_text(name: str) -> None:
    for own, parameter in POINTS[name]["parameters"].items():
        assert parameter["type"] in {"string", "float"}, own
        assert parameter["default"] is not None, own
        assert len(parameter["help"]) > 10, own


@ALL_POINTS
def test_mlproject_declares_some_of_the_parameters_and_the_flags_are_all_of_them(name: str) -> None:
    assert list(POINTS[name]["parameters"]) == list(OURS[name].declared)
    assert sorted(_flags(name)) == sorted(OURS[name].parameters)


def test_no_two_entry_points_declare_another_default_for_one_parameter() -> None:
    defaults = defaultdict(set)
    for point, declared in POINTS.items():
        for name, parameter in declared["parameters"].items():
            # What is served is a registered model.
            if not (name == "model" and point in ("serve", "image")):
                defaults[name].add(str(parameter["default"]))
    assert {name: found for name, found in defaults.items() if len(found) > 1} == {}


@ALL_POINTS
def test_the_command_passes_every_declared_parameter_on(name: str) -> None:
    # MLflow drops a declared parameter that the command doesn't name, without a word.
    start = ["exec", "python", "-m", "lds_mlflow", name]
    assert shlex.split(POINTS[name]["command"]) == [*start, *(f"--{own}={{{own}}}" for own in OURS[name].declared)]


@ALL_POINTS
def test_the_launcher_passes_on_what_is_not_declared(name: str) -> None:
    others = {own: "some value" for own in OURS[name].parameters if own not in OURS[name].declared}
    words = shlex.split(_launched(name, others))
    assert words[5 + len(OURS[name].declared) :] == [word for own in others for word in (f"--{own}", "some value")]


@pytest.mark.parametrize("value", AWKWARD)
@pytest.mark.parametrize("parameter", ["data", "label"])
def test_an_awkward_value_passes_the_launcher_and_its_shell_unchanged(parameter: str, value: str) -> None:
    assert ("data" in OURS["data"].declared, "label" in OURS["data"].declared) == (True, False)
    command = _launched("data", {parameter: value})
    start = "exec python -m lds_mlflow data "
    assert command.startswith(start)
    printed = ["bash", "-c", "printf '%s\\0' " + command.removeprefix(start)]
    words = subprocess.run(printed, capture_output=True, text=True, check=True).stdout.split("\0")
    given = [f"--{parameter}={value}"] if parameter == "data" else [f"--{parameter}", value]
    assert any(words[place : place + len(given)] == given for place in range(len(words)))


@ALL_POINTS
def test_the_defaults_are_equal_everywhere(name: str) -> None:
    kinds = OURS[name].configs
    defaults = parse_all(kinds, {})
    from_mlproject = {own: str(item["default"]) for own, item in POINTS[name]["parameters"].items()}
    from_flags = {own: option.default for own, option in _flags(name).items()}
    assert parse_all(kinds, from_mlproject) == defaults
    assert parse_all(kinds, from_flags) == defaults


@ALL_POINTS
def test_the_short_help_text_is_a_screen_of_what_people_set_most(name: str) -> None:
    done = CliRunner().invoke(cli, [name, "--help"], terminal_width=80)
    lines = done.output.splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 80
    of_examples = {word.removeprefix("--").split("=")[0] for word in OURS[name].examples[0].split()}
    for own in {"data", "device", *OURS[name].references, *of_examples} & set(OURS[name].parameters):
        assert f"--{own} " in done.output
    whole = CliRunner().invoke(cli, [name, "--help-all"]).output
    assert all(f"--{own} " in whole for own in OURS[name].parameters)


@ALL_POINTS
def test_the_examples_of_a_help_text_are_commands(name: str) -> None:
    point = OURS[name]
    assert len(point.examples) == 2
    for example in point.examples:
        given = dict(word.removeprefix("--").split("=", 1) for word in shlex.split(example))
        parse_all(point.configs, given, point.parameters)
        assert f"python -m lds_mlflow {name} {example}".rstrip() in CliRunner().invoke(cli, [name, "--help"]).output


@ALL_POINTS
def test_the_help_texts_are_equal_everywhere(name: str) -> None:
    fields = OURS[name].parameters
    shown = " ".join(CliRunner().invoke(cli, [name, "--help-all"], terminal_width=10_000).output.split())
    for field in fields.values():
        assert " ".join(help_of(field).split()) in shown
    for own, item in POINTS[name]["parameters"].items():
        assert item["help"].startswith(str(fields[own].description))
        assert all(choice in item["help"] for choice in choices_of(fields[own]))
