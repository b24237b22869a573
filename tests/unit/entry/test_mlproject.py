import shlex

import pytest
import yaml
from pydantic import Field

from lds_mlflow.config import Settings
from lds_mlflow.config.base import Declared
from lds_mlflow.entry.mlproject import Surroundings, mlproject
from lds_mlflow.entry.points import EntryPoint

HERE = Surroundings("some name", {"conda_env": "conda.yaml"}, by_shell=True, defaults={"folder": "/elsewhere"})


class _Config(Settings):
    """What the tests set."""

    number: Declared[int] = Field(3, ge=1)
    """A number: as it's written, # with everything that YAML reads otherwise."""

    flag: Declared[bool] = True
    """Whether or not."""

    folder: Declared[str] = "here"
    """Where to."""

    empty: Declared[str] = ""
    """Nothing yet."""

    other: int = 0
    """What few people set."""

    run: str = "auto"
    """The run that it reads."""


POINT = EntryPoint("do", "Does it.", (_Config,), references=frozenset({"run"}))


@pytest.fixture
def text() -> str:
    return mlproject((POINT, EntryPoint("rest", "Rests.", ())), HERE)


def test_the_text_is_yaml_with_what_the_project_runs_in(text: str) -> None:
    found = yaml.safe_load(text)
    assert (found["name"], found["conda_env"]) == ("some name", "conda.yaml")
    assert list(found["entry_points"]) == ["do", "rest"]


def test_a_parameter_that_is_declared_has_its_type_default_and_help_on_one_line(text: str) -> None:
    parameters = yaml.safe_load(text)["entry_points"]["do"]["parameters"]
    assert parameters == {
        "number": {
            "type": "float",
            "default": 3,
            "help": "A number: as it's written, # with everything that YAML reads otherwise.",
        },
        "flag": {"type": "string", "default": True, "help": "Whether or not."},
        "folder": {"type": "string", "default": "/elsewhere", "help": "Where to."},
        "empty": {"type": "string", "default": "", "help": "Nothing yet."},
        "run": {"type": "string", "default": "auto", "help": "The run that it reads."},
    }
    assert all(sum(line.startswith(f"      {name}: ") for line in text.splitlines()) == 1 for name in parameters)


def test_the_command_names_what_is_declared(text: str) -> None:
    command = yaml.safe_load(text)["entry_points"]["do"]["command"]
    flags = [f"--{name}={{{name}}}" for name in ("number", "flag", "folder", "empty", "run")]
    assert shlex.split(command) == ["exec", "python", "-m", "lds_mlflow", "do", *flags]


def test_without_a_shell_there_is_no_exec() -> None:
    found = yaml.safe_load(mlproject((POINT,), Surroundings("p", {}, by_shell=False)))
    assert found["entry_points"]["do"]["command"].startswith("python -m lds_mlflow do ")


def test_an_entry_point_without_parameters_has_none(text: str) -> None:
    assert not yaml.safe_load(text)["entry_points"]["rest"]["parameters"]
