import pytest
from mlflow.exceptions import MlflowException

from lds_mlflow.errors import TrackingError
from lds_mlflow.tracking import Tracker, tags


def _hand_over(tracker: Tracker, monkeypatch: pytest.MonkeyPatch, name: str | None = None) -> str:
    run_id = str(tracker.client.create_run(tracker.experiment_id, run_name=name).info.run_id)
    monkeypatch.setenv("MLFLOW_RUN_ID", run_id)
    return run_id


@pytest.mark.parametrize("name", ["faces, second try", "try-again-2", "train-2", "big fox 7"])
def test_a_name_that_was_given_to_mlflow_run_stays(
    name: str, tracker: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = _hand_over(tracker, monkeypatch, name)
    assert tracker.begin("train", parent=None, values={}).id == run_id
    assert tracker.client.get_run(run_id).info.run_name == name


def test_a_name_that_mlflow_made_up_becomes_the_steps(tracker: Tracker, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = _hand_over(tracker, monkeypatch)
    tracker.begin("train", parent=None, values={})
    assert tracker.client.get_run(run_id).info.run_name == "train"


@pytest.mark.parametrize("status", ["RUNNING", "FINISHED"])
def test_a_run_of_another_command_is_left_as_it_is(
    status: str, tracker: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    tracker.say = said.append
    run_id = _hand_over(tracker, monkeypatch)
    tracker.begin("data", parent=None, values={tags.STEP: "data"})
    if status == "FINISHED":
        tracker.client.set_terminated(run_id, status)
    assert tracker.begin("train", parent=None, values={tags.STEP: "train"}).id != run_id
    begun = tracker.client.get_run(run_id)
    assert (begun.data.tags[tags.STEP], begun.info.status, begun.info.run_name) == ("data", status, "data")
    assert "another command's" in said[0]


@pytest.mark.parametrize(("step", "goes_on"), [("train", True), ("data", False)])
def test_only_the_same_step_goes_on_with_a_run_whose_process_was_lost(
    step: str, goes_on: bool, tracker: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = _hand_over(tracker, monkeypatch)
    values = {tags.PROCESS: "another-machine 1 1", tags.STEP: step}
    for name, value in values.items():
        tracker.client.set_tag(run_id, name, value)
    tracker.client.set_terminated(run_id, "KILLED")
    assert (tracker.begin("train", parent=None, values={}).id == run_id) == goes_on
    assert tracker.client.get_run(run_id).info.status == ("RUNNING" if goes_on else "KILLED")


def test_a_run_that_is_gone_is_named(tracker: Tracker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_RUN_ID", "0" * 32)
    with pytest.raises(TrackingError, match=f"run {'0' * 32}, which MLFLOW_RUN_ID names.*Unset MLFLOW_RUN_ID"):
        tracker.begin("train", parent=None, values={})


def test_a_run_that_was_deleted_is_named(tracker: Tracker, monkeypatch: pytest.MonkeyPatch) -> None:
    tracker.client.delete_run(_hand_over(tracker, monkeypatch))
    with pytest.raises(TrackingError, match=r"expected an active run.*restore the run"):
        tracker.begin("train", parent=None, values={})


def test_a_store_that_does_not_answer_is_no_missing_run(tracker: Tracker, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(_run_id: str) -> None:
        raise MlflowException("no answer")

    _hand_over(tracker, monkeypatch)
    monkeypatch.setattr(tracker.client, "get_run", silent)
    with pytest.raises(MlflowException, match="no answer"):
        tracker.begin("train", parent=None, values={})
