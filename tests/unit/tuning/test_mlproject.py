import runpy
from pathlib import Path

import pytest
import yaml

from tuning.mlproject import mlprojects


def test_both_files_have_every_command_and_tune() -> None:
    for text in mlprojects().values():
        assert {"main", "finetune", "tune"} <= yaml.safe_load(text)["entry_points"].keys()


def test_the_files_differ_in_where_commands_run() -> None:
    here, container = (yaml.safe_load(text) for text in mlprojects().values())
    assert ("docker_env" in here, "docker_env" in container) == (False, True)
    assert here["entry_points"].keys() == container["entry_points"].keys()


@pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")
def test_the_module_writes_them_where_it_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "containers").mkdir()
    monkeypatch.chdir(tmp_path)
    runpy.run_module("tuning.mlproject", run_name="__main__")
    assert {path: (tmp_path / path).read_text() for path in mlprojects()} == mlprojects()
