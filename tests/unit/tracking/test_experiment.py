import shutil
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Experiment
from mlflow.exceptions import MlflowException

from lds_mlflow.errors import TrackingError
from lds_mlflow.tracking import Tracker, tags
from lds_mlflow.tracking.experiment import experiment_of, require_in_place


@pytest.fixture
def client(local_store: str) -> MlflowClient:
    return MlflowClient(local_store)


def test_an_experiment_that_is_named_is_made_once(client: MlflowClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "faces")
    assert experiment_of(client).experiment_id == experiment_of(client).experiment_id


def test_an_experiment_that_another_command_makes_at_the_same_moment_is_found(
    client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "faces")
    real, asked = client.get_experiment_by_name, []

    def late(name: str) -> Experiment | None:
        asked.append(name)
        if len(asked) > 1:
            return real(name)
        client.create_experiment(name)
        return None

    monkeypatch.setattr(client, "get_experiment_by_name", late)
    assert experiment_of(client).name == "faces"


@pytest.mark.parametrize("variable", ["MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME"])
def test_a_deleted_experiment_is_named_with_the_command_that_restores_it(
    variable: str, client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = client.create_experiment("faces")
    client.delete_experiment(number)
    monkeypatch.setenv(variable, number if variable.endswith("ID") else "faces")
    with pytest.raises(TrackingError, match=f"experiment faces.*deleted.*restore -x {number}") as caught:
        Tracker.connect()
    assert "Start the server" not in str(caught.value)


@pytest.mark.parametrize("number", ["4711", "faces"])
def test_an_id_of_no_experiment_is_named(number: str, client: MlflowClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", number)
    with pytest.raises(TrackingError, match=f"experiment {number}.*unset MLFLOW_EXPERIMENT_ID"):
        experiment_of(client)


def test_a_store_that_does_not_answer_is_no_missing_experiment(
    client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(_id: str) -> Experiment:
        raise MlflowException("no answer")

    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", "1")
    monkeypatch.setattr(client, "get_experiment", silent)
    with pytest.raises(MlflowException, match="no answer"):
        experiment_of(client)


@pytest.fixture
def folder(tmp_path: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's folder with a store, and a run whose artifacts lie beside it."""
    folder = tmp_path / "before"
    folder.mkdir()
    shutil.copy(empty_database, folder / "mlflow.db")
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    number = client.create_experiment("faces", artifact_location=str(folder / "mlruns" / "7"))
    run = client.create_run(number, tags={tags.OUTPUT: "12ab"})
    client.log_text(run.info.run_id, "text", "file.txt")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "faces")
    return folder


def _check(folder: Path) -> None:
    uri = f"sqlite:///{folder}/mlflow.db"
    client = MlflowClient(uri)
    require_in_place(client, uri, experiment_of(client))


def test_a_folder_that_is_where_it_was_is_in_place(folder: Path) -> None:
    _check(folder)


def test_a_folder_that_was_moved_is_told_until_a_link_leads_to_it(folder: Path, tmp_path: Path) -> None:
    after = folder.rename(tmp_path / "after")
    with pytest.raises(TrackingError, match=f"ln -s {after} {folder}`"):
        _check(after)
    folder.symlink_to(after)
    _check(after)


def test_a_folder_that_was_copied_is_told(folder: Path, tmp_path: Path) -> None:
    after = Path(shutil.copytree(folder, tmp_path / "after"))
    with pytest.raises(TrackingError, match=f"in {after} of runs that were made in {folder};"):
        _check(after)


def test_a_store_that_was_moved_without_its_artifacts_is_told_if_they_are_gone(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "after").mkdir()
    shutil.move(folder / "mlflow.db", tmp_path / "after")
    _check(tmp_path / "after")
    shutil.rmtree(folder)
    with pytest.raises(TrackingError, match=r"mlruns/7, which is gone"):
        _check(tmp_path / "after")


def test_artifacts_that_were_removed_are_no_moved_folder(folder: Path) -> None:
    shutil.rmtree(folder / "mlruns")
    _check(folder)
