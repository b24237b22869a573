"""What can be known early fails early, in a sentence, with exit code 1."""

import time
from pathlib import Path

import pytest
from PIL import Image

from lds_mlflow.tracking import Tracker, tags
from tests.end_to_end.conftest import Start
from tests.servers import PATIENCE_SECONDS

pytestmark = pytest.mark.end_to_end


def test_a_corrupt_image_stops_everything_before_training(start: Start, tracker: Tracker, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    for number in range(12):
        (folder / str(number % 2)).mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), number).save(folder / str(number % 2) / f"{number}.png")
    whole = (folder / "1" / "7.png").read_bytes()
    (folder / "1" / "7.png").write_bytes(whole[: len(whole) // 2])
    process = start("main", data=folder)
    _, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 1
    assert "files that can't be decoded (1 in all): 1/7.png" in errors
    assert "Traceback" not in errors
    runs = tracker.client.search_runs([tracker.experiment_id])
    assert {run.data.tags[tags.STEP] for run in runs if tags.STEP in run.data.tags} == {"main", "data"}
    assert {run.info.status for run in runs} == {"FAILED"}


def test_a_server_that_is_away_is_named_within_seconds(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    began = time.monotonic()
    process = start("train")
    _, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 1
    assert "tracking store http://127.0.0.1:9" in errors
    assert "MLFLOW_TRACKING_URI" in errors
    assert time.monotonic() - began < 60
    assert not (tmp_path / "work").exists()
