import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import optuna
import pytest
from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from optuna.study import Study, StudyDirection
from optuna.trial import Trial
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from lds_mlflow.errors import ConfigError, DataError, TrackingError
from lds_mlflow.tracking.vanished import refuse_vanished_files
from tuning.storage import answering, open_storage, swap_attribute


@pytest.fixture
def address(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'tuning.db'}"


def _nobody(_run_id: str) -> None:
    raise AssertionError("no trial is stale")


@pytest.mark.filterwarnings("ignore:Heartbeat of storage")
@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_a_new_storage_is_laid_out_and_a_study_is_found_in_it_again(address: str) -> None:
    optuna.create_study(study_name="lds", storage=open_storage(address, _nobody, 60))
    found = optuna.load_study(study_name="lds", storage=open_storage(address, _nobody, 60))
    assert found.study_name == "lds"


@pytest.mark.parametrize(
    "address",
    [
        "postgresql+psycopg://me:secret@host/name",
        "sqlite://:secret@/tuning.db",
        "postgresql://me:se/secret @host/name",
        "postgresql://me:se@secret@host/name",
        "postgresql+psycopg://host/name?user=me&PASSWORD=secret",
        "postgresql://host/name?sslpassword=secret",
        "sqlite:///tuning.db?pwd=secret",
        "mssql+pyodbc:///?odbc_connect=DRIVER%3Dx%3BPWD%3Dsecret",
    ],
)
def test_a_password_in_the_address_is_refused_and_not_told(address: str) -> None:
    with pytest.raises(ConfigError, match="an address with a password") as caught:
        open_storage(address, _nobody, 60)
    assert "secret" not in str(caught.value)


def test_a_password_that_mlflow_run_has_logged_already_is_to_be_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_RUN_ID", "12ab")
    with pytest.raises(ConfigError, match=r"Change this password.*runs delete --run-id 12ab.*gc --run-ids 12ab"):
        open_storage("sqlite:///tuning.db?password=secret", _nobody, 60)


def test_what_is_no_address_is_named() -> None:
    with pytest.raises(ConfigError, match="storage: found nowhere"):
        open_storage("nowhere", _nobody, 60)


def test_an_attribute_is_swapped_only_where_it_is_what_was_expected(address: str) -> None:
    study = optuna.create_study(study_name="lds", storage=address)
    study.set_user_attr("lead", "one")
    assert swap_attribute(address, "lds", "lead", "one", "two")
    assert not swap_attribute(address, "lds", "lead", "one", "three")
    assert optuna.load_study(study_name="lds", storage=address).user_attrs["lead"] == "two"


def test_an_attribute_of_another_study_stays_as_it_is(address: str) -> None:
    for name in ("lds", "other"):
        optuna.create_study(study_name=name, storage=address).set_user_attr("lead", "one")
    assert swap_attribute(address, "lds", "lead", "one", "two")
    assert optuna.load_study(study_name="other", storage=address).user_attrs["lead"] == "one"


@pytest.fixture
def storage(address: str, monkeypatch: pytest.MonkeyPatch) -> RDBStorage:
    refuse_vanished_files()
    monkeypatch.setattr("tuning.storage._LOCK_SECONDS", 0.2)
    return open_storage(address, _nobody, 60)


@pytest.fixture(params=["locked", "full", "read-only", "removed", "damaged"])
def failing(request: pytest.FixtureRequest, storage: RDBStorage, tmp_path: Path) -> Iterator[tuple[Study, str]]:
    """A study whose database fails after it was opened, and what the database says."""
    file, study = tmp_path / "tuning.db", optuna.create_study(study_name="lds", storage=storage)
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        match request.param:
            case "locked":
                other.execute("BEGIN EXCLUSIVE")
                yield study, "database is locked"
            case "full":
                _on_connections(storage, "PRAGMA max_page_count = 1")
                yield study, "database or disk is full"
            case "read-only":
                _on_connections(storage, "PRAGMA query_only = ON")
                yield study, "attempt to write a readonly database"
            case "removed":
                shutil.rmtree(tmp_path)
                tmp_path.mkdir()
                yield study, "was moved, removed or replaced"
            case _:
                file.write_bytes(b"garbage" * 10_000)
                yield study, "file is not a database|malformed"


def _on_connections(storage: RDBStorage, statement: str) -> None:
    event.listen(storage.engine, "connect", lambda connection, _record: connection.execute(statement))
    storage.engine.dispose()


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_a_database_that_fails_in_the_middle_of_work_is_a_sentence(failing: tuple[Study, str], address: str) -> None:
    study, said = failing

    def objective(trial: Trial) -> float:
        return trial.suggest_float("x", 0, 1, step=0.001)

    with (
        pytest.raises(TrackingError, match=rf"storage sqlite:.*({said}).*run the same command again"),
        answering(address),
    ):
        # A page has room for some trials.
        study.optimize(objective, n_trials=200)


def test_other_errors_stay_what_they_are_even_while_a_database_fails(address: str) -> None:
    said = StorageInternalError("locked")
    with pytest.raises(KeyError), answering(address):
        raise KeyError("x")
    with pytest.raises(DataError), answering(address):
        raise DataError("images", found="none", expected="some", remedy="Bring them.") from said


def test_errors_of_mlflows_database_are_not_of_the_studys(address: str) -> None:
    with pytest.raises(RuntimeError, match="of MLflow"), answering(address):
        raise RuntimeError("of MLflow") from OperationalError(None, None, sqlite3.OperationalError("locked"))


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_a_heartbeat_that_is_not_taken_does_not_end_those_that_follow(storage: RDBStorage, tmp_path: Path) -> None:
    trial = storage.create_new_trial(storage.create_new_study([StudyDirection.MINIMIZE], "lds"))
    with closing(sqlite3.connect(tmp_path / "tuning.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        storage.record_heartbeat(trial)
        other.execute("COMMIT")
        storage.record_heartbeat(trial)
        assert other.execute("SELECT count(*) FROM trial_heartbeats").fetchone() == (1,)
