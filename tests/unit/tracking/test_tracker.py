import json
import sqlite3
import time
from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import PERMISSION_DENIED
from sqlalchemy.exc import DatabaseError

from lds_mlflow.errors import TrackingError
from lds_mlflow.tracking import Tracker, tags


def test_a_server_that_is_away_is_an_error_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    began = time.monotonic()
    with pytest.raises(TrackingError, match=r"http://127\.0\.0\.1:9.*MLFLOW_TRACKING_URI"):
        Tracker.connect()
    assert time.monotonic() - began < 30


def test_the_run_that_mlflow_run_began_is_taken_over_once(tracker: Tracker, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = tracker.client.create_run(tracker.experiment_id).info.run_id
    monkeypatch.setenv("MLFLOW_RUN_ID", begun)
    run = tracker.begin("train", parent=None, values={"a": "b"})
    assert run.id == begun
    assert tracker.client.get_run(begun).data.tags["a"] == "b"
    run.end("FINISHED")
    assert tracker.begin("train", parent=None, values={}).id != begun


def test_a_child_is_nested_under_its_parent(tracker: Tracker, monkeypatch: pytest.MonkeyPatch) -> None:
    parent = tracker.begin("main", parent=None, values={})
    monkeypatch.setenv("MLFLOW_RUN_ID", parent.id)
    child = tracker.begin("data", parent=parent.id, values={})
    assert child.id != parent.id
    assert tracker.client.get_run(child.id).data.tags["mlflow.parentRunId"] == parent.id


def test_a_run_is_opened_by_the_digits_that_commands_print(tracker: Tracker) -> None:
    run = tracker.begin("train", parent=None, values={})
    run.end("FINISHED")
    assert tracker.open(run.id[:8]).id == tracker.open(f"runs:/{run.id[:12]}").id == run.id
    for reference in ("0" * 8, run.id[:7], "%" * 8):
        with pytest.raises(TrackingError, match="expected the id of a run"):
            tracker.open(reference)


@pytest.mark.parametrize("reference", ["0" * 32, "runs:/nothing", f"models:/m-{32 * '0'}", "models:/a:b"])
def test_what_is_not_there_is_named(tracker: Tracker, reference: str) -> None:
    with pytest.raises(TrackingError, match=f"run {reference}.*give auto"):
        tracker.open(reference)


@pytest.mark.parametrize("status", ["RUNNING", "FINISHED"])
def test_a_lost_trial_is_killed_whatever_it_had_said(status: str, tracker: Tracker) -> None:
    run = tracker.begin("trial 3", parent=None, values={})
    if status == "FINISHED":
        run.end(status)
    tracker.kill(run.id)
    entity = tracker.client.get_run(run.id)
    assert (entity.info.status, entity.data.tags[tags.STATE]) == ("KILLED", "lost")


@pytest.mark.parametrize("status", ["KILLED", "RUNNING"])
def test_a_run_that_has_ended_or_lost_its_process_is_gone_on_with(status: str, tracker: Tracker) -> None:
    run = tracker.begin("study", parent=None, values={})
    if status == "KILLED":
        run.end(status)
    again = tracker.reopen(run.id)
    assert (again.id, tracker.client.get_run(run.id).info.status) == (run.id, "RUNNING")


def test_a_run_of_another_store_is_told(tracker: Tracker) -> None:
    with pytest.raises(TrackingError, match="MLFLOW_TRACKING_URI"):
        tracker.reopen("0" * 32)


@pytest.mark.parametrize(
    ("uri", "remedy"),
    [
        ("postgresql+pg8000://host/name", "No module named 'pg8000'.*extra postgres"),
        ("mysql+aiomysql://host/name", "No module named 'aiomysql'.*Install this module"),
        ("sqlite:////proc/nowhere/mlflow.db", "another store"),
    ],
)
def test_a_database_that_can_not_be_opened_is_an_error_with_a_remedy(
    uri: str, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with pytest.raises(TrackingError, match=remedy):
        Tracker.connect()


def test_no_file_of_the_store_has_a_secret_of_a_parameter(tracker: Tracker, tmp_path: Path) -> None:
    run = tracker.begin("data", parent=None, values={})
    run.log_params(
        {"a": "https://me:hunter2@host", "b": "postgresql://host/x?password=hunter2", "c": "https://h?sig=hunter2"}
    )
    run.log_dataset("images", source="https://hunter2@host/a.zip", digest="12ab", context="data", n_examples=1)
    run.end("FINISHED")
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if b"hunter2" in path.read_bytes()]


def test_what_a_server_denies_is_told_from_what_is_away(tracker: Tracker) -> None:
    tracker.tracking_uri = "http://host"
    with pytest.raises(TrackingError, match=r"not yours.*Ask whoever runs the server for the right"), tracker:
        raise MlflowException("not yours", error_code=PERMISSION_DENIED)


def test_the_run_of_a_command_says_where_its_parameters_come_from_and_its_children_do_not(tracker: Tracker) -> None:
    tracker.origins = {"data": "faces.yaml", "resolution": "flag"}
    parent = tracker.begin("main", parent=None, values={})
    child = tracker.begin("data", parent=parent.id, values={})
    of_parent, of_child = (tracker.client.get_run(run.id).data.tags for run in (parent, child))
    assert json.loads(of_parent[tags.PARAMETERS]) == {"data": "faces.yaml", "resolution": "flag"}
    assert tags.PARAMETERS not in of_child


@pytest.mark.parametrize(
    "error",
    [
        sqlite3.OperationalError("database or disk is full"),
        sqlite3.OperationalError("database is locked"),
        sqlite3.DatabaseError("database disk image is malformed"),
    ],
)
def test_a_database_that_fails_in_the_middle_of_work_is_a_sentence(tracker: Tracker, error: Exception) -> None:
    cause = DatabaseError("INSERT", {}, error)
    with pytest.raises(TrackingError, match=rf"mlflow\.db: found .*{error}.*run the same command again"), tracker:
        raise MlflowException(str(cause)) from cause


def test_an_error_that_is_a_sentence_already_is_not_told_of_the_tracking_store(tracker: Tracker) -> None:
    told = TrackingError("storage tuning.db", found="locked", expected="an answer", remedy="Wait.")
    with pytest.raises(TrackingError, match=r"^storage tuning\.db: found locked"), tracker:
        raise told from DatabaseError("INSERT", {}, sqlite3.OperationalError("database is locked"))


def test_a_run_of_somebody_else_that_may_not_be_ended_stops_no_command(
    tracker: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    for run in (tracker.begin("train", parent=None, values={}) for _ in range(2)):
        run.log_tags({tags.PROCESS: "a-machine-that-is-gone 1 5", tags.SEEN: "0"})
    asked: list[str] = []

    def refuse(run_id: str, _status: str) -> None:
        asked.append(run_id)
        raise MlflowException("not yours", error_code=PERMISSION_DENIED)

    monkeypatch.setattr(tracker.client, "set_terminated", refuse)
    tracker.end_orphans()
    assert len(asked) == 2
