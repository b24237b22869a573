import tempfile
from pathlib import Path

import pytest
from platformdirs import user_state_path

from lds_mlflow.config import Options, parse
from lds_mlflow.config.place import lasting_place
from lds_mlflow.config.server import DeliverConfig
from tuning.config import TuneConfig

STORE = "sqlite:////home/me/mlflow.db"


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What takes the place of the machine's folder for temporary files."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("MLFLOW_RUN_ID", "12ab")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", STORE)
    return tmp_path


def _in(folder: Path, monkeypatch: pytest.MonkeyPatch, *, git: Path | None = None) -> None:
    folder.mkdir(parents=True)
    if git:
        (git / ".git").mkdir()
    monkeypatch.chdir(folder)


@pytest.mark.parametrize(("below", "git"), [("", True), ("project", True), ("", False), ("repo-main/project", False)])
def test_a_temporary_copy_keeps_its_work_beside_the_store(
    below: str, git: bool, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = temporary / "tmpab12_x9z"
    _in(copy / below, monkeypatch, git=copy if git else None)
    assert parse(Options, {}).work_dir == parse(DeliverConfig, {}).work_dir == Path("/home/me/.lds")
    assert parse(TuneConfig, {}).storage == "sqlite:////home/me/tuning.db"


@pytest.mark.parametrize("uri", ["https://server:5000", "postgresql+psycopg://host/name", "sqlite:///mlflow.db"])
def test_without_a_local_store_work_is_kept_among_the_users_own_files(
    uri: str, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _in(temporary / "tmpab12_x9z", monkeypatch)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert parse(Options, {}).work_dir == user_state_path("lds_mlflow") / ".lds"


def test_absolute_places_and_databases_elsewhere_stay(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _in(temporary / "tmpab12_x9z", monkeypatch)
    assert parse(Options, {"work_dir": "/work"}).work_dir == Path("/work")
    for storage in ("sqlite:////work/t.db", "sqlite:///:memory:", "postgresql+psycopg://me@host/name"):
        assert parse(TuneConfig, {"storage": storage}).storage == storage


@pytest.mark.parametrize("folder", ["checkout", "tmpab12_x9z/checkout", "deep/tmpab12_x9z", "tmp.ab12x9zq"])
def test_an_ordinary_checkout_keeps_its_work_within(
    folder: str, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _in(temporary / folder, monkeypatch, git=temporary / folder)
    assert lasting_place() is None
    assert parse(Options, {}).work_dir == Path(".lds")


def test_a_command_that_mlflow_run_has_not_started_keeps_its_work_within(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _in(temporary / "tmpab12_x9z", monkeypatch)
    monkeypatch.delenv("MLFLOW_RUN_ID")
    assert lasting_place() is None
