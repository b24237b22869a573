import shutil
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Experiment
from mlflow.exceptions import MlflowException

from lds_mlflow.config import Options
from lds_mlflow.errors import TrackingError
from lds_mlflow.tracking import Tracker, tags
from lds_mlflow.tracking.experiment import Subject, place_of, require_in_place


@pytest.fixture
def client(local_store: str) -> MlflowClient:
    return MlflowClient(local_store)


def test_an_experiment_that_is_named_is_made_once(client: MlflowClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "faces")
    assert place_of(client, Subject()).experiment.experiment_id == place_of(client, Subject()).experiment.experiment_id


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
    assert place_of(client, Subject()).experiment.name == "faces"


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
        place_of(client, Subject())


def test_a_store_that_does_not_answer_is_no_missing_experiment(
    client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(_id: str) -> Experiment:
        raise MlflowException("no answer")

    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", "1")
    monkeypatch.setattr(client, "get_experiment", silent)
    with pytest.raises(MlflowException, match="no answer"):
        place_of(client, Subject())


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
    require_in_place(client, uri, place_of(client, Subject()).experiment)


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


@pytest.fixture
def unchosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has chosen an experiment."""
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME")
    monkeypatch.delenv("MLFLOW_RUN_ID", raising=False)


def _default(client: MlflowClient) -> str:
    found = client.get_experiment_by_name("Default")
    assert found is not None
    return str(found.experiment_id)


def test_where_nobody_has_chosen_the_experiment_is_named_after_the_data(client: MlflowClient, unchosen: None) -> None:
    experiment, others = place_of(client, Subject(data="faces64"))
    assert (experiment.name, others) == ("faces64", (_default(client),))


@pytest.mark.parametrize("variable", ["MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID"])
def test_an_experiment_that_was_chosen_is_the_only_one(
    variable: str, client: MlflowClient, unchosen: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = client.create_experiment("mine")
    monkeypatch.setenv(variable, number if variable.endswith("ID") else "mine")
    experiment, others = place_of(client, Subject(data="faces64"))
    assert (experiment.name, others) == ("mine", ())
    assert client.get_experiment_by_name("faces64") is None


def test_a_command_that_names_a_run_belongs_where_that_run_is(client: MlflowClient, unchosen: None) -> None:
    run = client.create_run(client.create_experiment("faces64"))
    for reference in (run.info.run_id, run.info.run_id[:8], f"runs:/{run.info.run_id}"):
        assert place_of(client, Subject(data="digits", reference=reference)).experiment.name == "faces64"
    assert client.get_experiment_by_name("digits") is None


def test_a_command_that_promotes_without_a_name_belongs_where_the_only_model_was_registered(
    client: MlflowClient, unchosen: None
) -> None:
    assert place_of(client, Subject(reference="auto")).experiment.name == "Default"
    run = client.create_run(client.create_experiment("faces64"))
    client.create_registered_model("faces64")
    client.create_model_version("faces64", "file:///nowhere", run.info.run_id)
    assert place_of(client, Subject(reference="auto")).experiment.name == "faces64"


@pytest.mark.parametrize("reference", ["0" * 32, "01234567", "models:/faces/1", "models:/m-" + "0" * 32])
def test_a_reference_to_nothing_is_for_whoever_reads_it_to_complain_of(
    client: MlflowClient, unchosen: None, reference: str
) -> None:
    assert place_of(client, Subject(reference=reference)).experiment.name == "Default"


def test_a_run_that_the_launcher_has_begun_stays_with_all_others_of_its_command(
    client: MlflowClient, unchosen: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    default = _default(client)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", default)
    monkeypatch.setenv("MLFLOW_RUN_ID", "0" * 32)
    assert place_of(client, Subject(data="faces64")).others == ()
    number = client.create_experiment("faces64")
    experiment, others = place_of(client, Subject(data="faces64"))
    assert (experiment.experiment_id, others) == (default, (number,))


def test_runs_of_the_default_experiment_are_reused_in_that_of_the_data(
    client: MlflowClient, unchosen: None, tmp_path: Path
) -> None:
    known = {tags.FINGERPRINT: "f", tags.STEP: "train"}
    run = client.create_run(_default(client), tags=known)
    client.set_terminated(run.info.run_id)
    results = Tracker.connect(Options(work_dir=tmp_path), subject=Subject(data="faces64")).results
    assert [found.id for found in results.of_fingerprint("f")] == [run.info.run_id]
