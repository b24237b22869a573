"""The command line as a person types it, in this process."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from lds_mlflow.__main__ import cli
from lds_mlflow.tracking import Tracker, tags


def test_a_dry_run_prints_what_training_takes(
    tracker: Tracker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lds_mlflow.recipes.costs._PROBE_SECONDS", 0.1)
    flags = ["--limit=60", "--train_steps=1000", "--batch_size=4", "--dry_run=true", f"--work_dir={tmp_path / 'work'}"]
    done = CliRunner().invoke(cli, ["train", *flags], catch_exceptions=False)
    assert done.exit_code == 0
    for word in (
        "parameters",
        "peak memory",
        "examples a second",
        "finetune",
        "points of curves",
        "pictures",
        "calculated",
    ):
        assert word in done.output
    assert "1,000 training steps and 300 finetuning steps in batches of 4" in done.output
    runs = tracker.client.search_runs([tracker.experiment_id])
    assert {run.data.tags.get(tags.STEP) for run in runs} == {"data", "dry run"}
    assert not any((tmp_path / "work" / "checkpoints").glob("train-*"))


@pytest.mark.parametrize(
    "words",
    [
        ["data", "--data=https://me:hunter2@host/a.zip"],
        ["finetune", "--model=https://hunter2@host/a.zip"],
        ["serve", "--model=https://host/a.zip?X-Amz-Signature=hunter2"],
        ["tune", "--storage=postgresql://me:hunter2@host/x"],
    ],
)
def test_a_secret_in_an_address_is_refused_before_a_run_begins(
    words: list[str], tracker: Tracker, tmp_path: Path
) -> None:
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 1
    assert "an address with a password, token or signature" in done.stderr
    assert "hunter2" not in done.output
    assert tracker.client.search_runs([tracker.experiment_id]) == []
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and b"hunter2" in path.read_bytes()]
