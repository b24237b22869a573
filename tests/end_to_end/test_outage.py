"""A tracking server that goes away while a model trains."""

import hashlib
import os
import time
from collections import Counter
from pathlib import Path

import pytest
from mlflow import MlflowClient

from lds_mlflow.tracking import FinishedRun, Tracker, tags
from tests.end_to_end.conftest import Process, Start, on_the_server
from tests.servers import PATIENCE_SECONDS
from tests.tracking_server import TrackingServer

pytestmark = pytest.mark.end_to_end
OUTAGE_SECONDS = int(os.environ.get("LDS_OUTAGE_SECONDS", "6"))
"""A longer one, such as 60, takes that much longer to test."""

LAST = 500 + 100 * OUTAGE_SECONDS
STEPS = {"train_steps": LAST, "checkpoint_every": 100, "limit": 300}
MEASURED = ("system/", "seconds")


def _train(tracker: Tracker) -> FinishedRun:
    (run,) = tracker.client.search_runs([tracker.experiment_id], f"tags.`{tags.STEP}` = 'train'")
    return FinishedRun(run, tracker.tracking_uri)


def _wait_for_checkpoint(folder: Path, process: Process, after: float = 0.0) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not any(path.stat().st_mtime > after for path in (folder / "checkpoints").glob("train-*.pt")):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def _figures(client: MlflowClient, run: FinishedRun) -> dict[str, list[tuple[int, float]]]:
    names = [name for name in run.metrics if not name.startswith(MEASURED)]
    return {name: [(one.step, one.value) for one in client.get_metric_history(run.id, name)] for name in names}


def _digests(run: FinishedRun) -> Counter[str]:
    """Returns the digests of what a run stored; but not of its figures, which say how fast it was."""
    with run.folder("") as folder:
        files = [path for path in folder.rglob("*") if path.is_file() and path.name != "figures.json"]
        return Counter(hashlib.sha256(path.read_bytes()).hexdigest() for path in files)


@on_the_server
def test_an_outage_in_the_middle_of_training_loses_nothing(
    start: Start, server: TrackingServer, tracker: Tracker, tmp_path: Path
) -> None:
    process = start("train", **STEPS)
    _wait_for_checkpoint(tmp_path / "work", process)
    server.stop()
    try:
        stopped = time.time()
        _wait_for_checkpoint(tmp_path / "work", process, after=stopped + 2)
        time.sleep(max(0.0, stopped + OUTAGE_SECONDS - time.time()))
    finally:
        server.start()
    output, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0, errors
    assert "The tracking server doesn't answer" in output
    assert "The tracking server is back" in output
    assert not any((tmp_path / "work" / "outbox").glob("*"))
    interrupted = _train(tracker)
    figures, digests = _figures(tracker.client, interrupted), _digests(interrupted)

    tracker.client.delete_run(interrupted.id)
    # The same steps by the same kind of process: pipelines within the test draw no figures.
    again = start("train", **STEPS)
    _, errors = again.communicate(timeout=PATIENCE_SECONDS)
    assert again.returncode == 0, errors
    undisturbed = _train(tracker)
    assert figures == _figures(tracker.client, undisturbed)
    assert digests == _digests(undisturbed)
    assert [step for step, _ in figures["loss"]] == list(range(50, LAST + 1, 50))


@on_the_server
def test_what_a_server_that_stays_away_has_not_taken_is_delivered_later(
    start: Start, server: TrackingServer, tracker: Tracker, tmp_path: Path
) -> None:
    process = start("train", **{**STEPS, "train_steps": 500}, outage_minutes=0.02)
    _wait_for_checkpoint(tmp_path / "work", process)
    server.stop()
    try:
        output, errors = process.communicate(timeout=PATIENCE_SECONDS)
    finally:
        server.start()
    assert process.returncode == 1
    assert "Nothing is lost" in errors
    assert "Traceback" not in output + errors
    assert _train(tracker).entity.info.status == "RUNNING"

    output, errors = start("deliver").communicate(timeout=PATIENCE_SECONDS)
    assert "Delivered" in output, errors
    delivered = _train(tracker)
    assert delivered.entity.info.status == "FINISHED"
    steps = [point.step for point in tracker.client.get_metric_history(delivered.id, "loss")]
    assert steps == list(range(50, 501, 50))
