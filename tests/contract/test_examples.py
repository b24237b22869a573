"""The files of examples/: each has parameters that its command takes, and says what it does and how it is run."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from lds_mlflow.__main__ import cli
from lds_mlflow.config import parse_all
from lds_mlflow.entry.parameter_files import read_parameters
from lds_mlflow.entry.points import ENTRY_POINTS
from tests.places import ROOT
from tuning.entry import TUNE

FILES = sorted((ROOT / "examples").glob("*.yaml"))
OURS = {**ENTRY_POINTS, TUNE.name: TUNE}
_COMMAND = re.compile(r"mlflow run \. -e (?P<command>\w+) -P config=(?P<file>\S+)(?P<others>[^\n]*)")

ALL_FILES = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def test_there_is_a_file_for_each_kind_of_use() -> None:
    assert {path.stem for path in FILES} == {
        "celeba-hq-256",
        "digits-quick",
        "faces-64-gpu",
        "fashion-mnist",
        "own-faces",
    }


@ALL_FILES
def test_an_example_s_values_are_in_range_for_its_command(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = _COMMAND.search(path.read_text(encoding="utf-8"))
    assert told is not None
    point = OURS[told["command"]]
    given = read_parameters(path, taken=point.parameters, of_others=())
    # The tables that it names are the user's own.
    monkeypatch.chdir(tmp_path)
    for name in {"attributes", "split_list"} & given.keys():
        Path(given[name]).touch()
    configs = parse_all(point.configs, given, point.parameters)
    assert given
    assert [type(config) for config in configs.all] == list(point.configs)


@ALL_FILES
def test_an_example_is_a_file_that_the_command_line_reads(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("list_attr_celebahq.txt", "splits.csv"):
        Path(name).touch()
    done = CliRunner().invoke(cli, ["main", f"--config={path}", "--print-config"])
    assert done.exit_code == 0, done.output
    for name, value in read_parameters(path, taken=(), of_others=()).items():
        assert f"\n{name}: {value}" in done.output


@ALL_FILES
def test_an_example_says_what_it_does_which_command_reads_it_and_what_is_known_of_its_time(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    told = _COMMAND.search(text)
    assert told is not None
    assert told["file"] == str(path.relative_to(ROOT))
    assert re.search(r"measured|calculated|calculates", text)
