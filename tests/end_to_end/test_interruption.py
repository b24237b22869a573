"""Training that a person can leave alone: killed, stopped, resumed."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lds_mlflow.tracking import FinishedRun, Tracker, tags
from tests.end_to_end.conftest import Start, on_both_stores
from tests.servers import PATIENCE_SECONDS

pytestmark = pytest.mark.end_to_end
STEPS = {"train_steps": 100, "checkpoint_every": 10}


def _wait_for(condition: Callable[[], bool], process: subprocess.Popen[str], seconds: float = PATIENCE_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def _train_runs(tracker: Tracker) -> list[FinishedRun]:
    found = tracker.client.search_runs([tracker.experiment_id], f"tags.`{tags.STEP}` = 'train'")
    return [FinishedRun(run, tracker.tracking_uri) for run in found]


def _weights_digest(run: FinishedRun) -> str:
    with run.folder("model") as folder:
        return str(json.loads((folder / "manifest.json").read_text())["tensors_sha256"])


def _finish(process: subprocess.Popen[str]) -> None:
    _, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0, errors


@on_both_stores
def test_a_killed_training_goes_on_as_if_it_had_not_been(start: Start, tracker: Tracker, tmp_path: Path) -> None:
    process = start("train", **STEPS)
    checkpoints = tmp_path / "work" / "checkpoints"
    _wait_for(lambda: any(checkpoints.glob("train-*.pt")), process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    _finish(start("train", **STEPS))
    (resumed,) = [run for run in _train_runs(tracker) if run.entity.info.status == "FINISHED"]
    assert [run.entity.info.status for run in _train_runs(tracker) if run.id != resumed.id] == ["KILLED"]
    _finish(start("train", **STEPS, reuse=False))
    digests = {_weights_digest(run) for run in _train_runs(tracker) if run.entity.info.status == "FINISHED"}
    assert len(digests) == 1
    steps = [point.step for point in tracker.client.get_metric_history(resumed.id, "train/loss")]
    assert steps == [50, 100]


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_training_ends_as_killed_with_a_checkpoint(
    start: Start, tracker: Tracker, tmp_path: Path, signum: signal.Signals
) -> None:
    process = start("train", **STEPS | {"train_steps": 100_000})
    checkpoints = tmp_path / "work" / "checkpoints"
    _wait_for(lambda: any(checkpoints.glob("train-*.pt")), process)
    process.send_signal(signum)
    output, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 128 + signum
    assert "run the same command again" in errors
    assert [run.entity.info.status for run in _train_runs(tracker)] == ["KILLED"]
    assert any(checkpoints.glob("train-*.pt"))
    assert "Traceback" not in output + errors


def test_ctrl_c_on_mlflow_run_ends_the_run_as_killed(launch: Start, tracker: Tracker, tmp_path: Path) -> None:
    process = launch("train", **STEPS | {"train_steps": 100_000})
    checkpoints = tmp_path / "work" / "checkpoints"
    _wait_for(lambda: any(checkpoints.glob("train-*.pt")), process)
    # A terminal sends it to the whole group.
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode != 0
    deadline = time.monotonic() + PATIENCE_SECONDS
    # The launcher says FAILED first; that may be over before it is seen.
    seen = time.monotonic() + 10
    while [run.entity.info.status for run in _train_runs(tracker)] != ["FAILED"] and time.monotonic() < seen:
        time.sleep(0.1)
    while [run.entity.info.status for run in _train_runs(tracker)] != ["KILLED"]:
        assert time.monotonic() < deadline, "the run is not marked KILLED"
        time.sleep(0.1)
