"""Training that a person can leave alone: killed, stopped, resumed."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from lds_mlflow.tracking import FinishedRun, Tracker, tags
from tests.conftest import MakePipeline
from tests.end_to_end.conftest import Process, Start, Started, assignments, on_both_stores
from tests.forks import Forks
from tests.servers import PATIENCE_SECONDS

pytestmark = pytest.mark.end_to_end
STEPS = {"train_steps": 100, "checkpoint_every": 10}
KILLS = int(os.environ.get("LDS_KILLS", "2"))
"""More, such as 20, take some seconds each."""


def _wait_for(condition: Callable[[], bool], process: Process, seconds: float = PATIENCE_SECONDS) -> None:
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


def _finish(process: Process) -> None:
    _, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0, errors


@on_both_stores
def test_a_killed_training_goes_on_as_if_it_had_not_been(
    start: Start, make_pipeline: MakePipeline, tracker: Tracker, tmp_path: Path
) -> None:
    process = start("train", **STEPS)
    checkpoints = tmp_path / "work" / "checkpoints"
    _wait_for(lambda: any(checkpoints.glob("train-*.pt")), process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    _finish(start("train", **STEPS))
    (resumed,) = [run for run in _train_runs(tracker) if run.entity.info.status == "FINISHED"]
    (killed,) = [run for run in _train_runs(tracker) if run.id != resumed.id]
    assert killed.entity.info.status == "KILLED"
    assert resumed.entity.data.tags[tags.RESUMED] == killed.id
    make_pipeline("train", **STEPS, reuse=False).run("train")
    digests = {_weights_digest(run) for run in _train_runs(tracker) if run.entity.info.status == "FINISHED"}
    assert len(digests) == 1
    steps = [point.step for point in tracker.client.get_metric_history(resumed.id, "loss")]
    assert steps == [50, 100]


def _models(tracker: Tracker) -> dict[str, set[str]]:
    """The digests of the models that finished runs of the store have, by step and name."""
    runs = [
        FinishedRun(run, tracker.tracking_uri)
        for run in tracker.client.search_runs([tracker.experiment_id], "attributes.status = 'FINISHED'")
        if run.data.tags.get(tags.STEP) in {"train", "finetune"} and tags.REUSED not in run.data.tags
    ]
    found: dict[str, set[str]] = {}
    for run in runs:
        found.setdefault(f"{run.step} {run.params.get('augment_run', '')}", set()).add(_weights_digest(run))
    return found


def test_main_that_is_killed_at_random_moments_ends_with_the_same_weights(
    start: Start, make_pipeline: MakePipeline, tracker: Tracker, tmp_path: Path
) -> None:
    longer = {**STEPS, "train_steps": 300, "finetune_steps": 100, "registered_model": "none"}
    seed = random.randrange(2**32)
    moments = random.Random(seed)
    for _ in range(KILLS):
        process = start("main", **longer)
        try:
            process.communicate(timeout=moments.uniform(0, 10))
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
    _finish(start("main", **longer))
    killed = _models(tracker)
    assert len(killed) == 3, f"{killed}, seed {seed}"
    make_pipeline("main", **longer, reuse=False, work_dir=tmp_path / "another").main()
    assert _models(tracker) == killed, f"seed {seed}"
    assert all(len(digests) == 1 for digests in killed.values())


def test_training_by_two_processes_that_is_killed_goes_on_as_if_it_had_not_been(
    started: Started, forks: Forks, tracker: Tracker, tmp_path: Path
) -> None:
    def words(**values: Any) -> list[str]:
        given = assignments("train", tmp_path / "work", STEPS | values)
        return ["lds_mlflow", "train", *(f"--{name}={value}" for name, value in given.items())]

    def begin() -> Process:
        torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
        return started([*torchrun, "-m", *words()])

    process = begin()
    _wait_for(lambda: any((tmp_path / "work" / "checkpoints").glob("train-*.pt")), process)
    for one in [*psutil.Process(process.pid).children(recursive=True), process]:
        one.kill()
    process.communicate()
    _finish(begin())
    (resumed,) = [run for run in _train_runs(tracker) if run.entity.info.status == "FINISHED"]
    assert tags.RESUMED in resumed.entity.data.tags
    for undisturbed in forks.begin_together(*words(reuse=False), size=2):
        _finish(undisturbed)
    digests = {_weights_digest(run) for run in _train_runs(tracker) if run.entity.info.status == "FINISHED"}
    assert len(digests) == 1


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_training_ends_as_killed_with_a_checkpoint(
    start_from_nothing: Start, tracker: Tracker, tmp_path: Path, signum: signal.Signals
) -> None:
    process = start_from_nothing("train", **STEPS | {"train_steps": 100_000})
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
