import subprocess
import sys
from typing import Any

import pytest
from mlflow.entities import RunStatus

from lds_mlflow.tracking import Tracker, launched


def test_a_process_that_outlives_the_command_is_told_the_run_and_its_store(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[tuple[list[str], dict[str, Any]]] = []
    monkeypatch.setattr(subprocess, "Popen", lambda command, **given: started.append((command, given)))
    monkeypatch.setenv("SOMETHING", "else")
    launched.keep_killed("sqlite:///a.db", "12ab")
    ((command, given),) = started
    assert command == [sys.executable, "-m", "lds_mlflow.tracking.launched", "12ab"]
    assert given["start_new_session"]
    assert given["env"]["MLFLOW_TRACKING_URI"] == "sqlite:///a.db"
    assert given["env"]["SOMETHING"] == "else"
    assert {given[name] for name in ("stdin", "stdout", "stderr")} == {subprocess.DEVNULL}


def test_a_run_is_killed_again_once_the_launcher_has_said_that_it_failed(
    tracker: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tracker.begin("train", parent=None, values={})
    run.end("KILLED")
    waits: list[float] = []

    def launcher(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            tracker.client.set_terminated(run.id, RunStatus.to_string(RunStatus.FAILED))

    monkeypatch.setattr(launched, "sleep", launcher)
    launched._wait_and_set(run.id)
    assert len(waits) == 2
    assert tracker.client.get_run(run.id).info.status == "KILLED"


def test_a_launcher_that_says_nothing_is_not_waited_for_for_ever(
    tracker: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tracker.begin("train", parent=None, values={})
    run.end("KILLED")
    waits: list[float] = []
    monkeypatch.setattr(launched, "sleep", waits.append)
    monkeypatch.setattr(launched, "monotonic", lambda: 20.0 * len(waits))
    launched._wait_and_set(run.id)
    assert len(waits) == 2
    assert tracker.client.get_run(run.id).info.status == "KILLED"
