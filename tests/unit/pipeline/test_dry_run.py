from typing import Any

import pytest

from lds_mlflow.errors import ConfigError
from lds_mlflow.tracking import Tracker, tags
from tests.conftest import TINY, MakePipeline


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lds_mlflow.recipes.costs._PROBE_SECONDS", 0.1)


def _runs(tracker: Tracker) -> dict[str, Any]:
    return {run.data.tags[tags.STEP]: run for run in tracker.client.search_runs([tracker.experiment_id])}


def test_a_dry_run_says_what_training_takes_and_trains_nothing(
    make_pipeline: MakePipeline, tracker: Tracker, said: list[str]
) -> None:
    run = make_pipeline("train", train_steps=3600, dry_run=True).dry_run()
    found = tracker.client.get_run(run.id)
    figures = found.data.metrics
    assert found.info.status == "FINISHED"
    plain, judged = (
        TINY["batch_size"] / figures[name]
        for name in ("plan/examples_per_second", "plan/examples_per_second_with_discriminator")
    )
    # 3,600 seconds an hour, and a discriminator in the last quarter of the steps and in all of finetuning's.
    assert figures["plan/train_hours"] == pytest.approx(0.75 * plain + 0.25 * judged)
    assert figures["plan/finetune_hours"] == pytest.approx(judged * 300 / 3600)
    assert figures["plan/checkpoint_mib"] > 4 * figures["plan/model_mib"]
    assert all(value > 0 for value in figures.values())
    assert any("3,600 training steps" in line and "calculated" in line and "measured" in line for line in said)
    runs = _runs(tracker)
    assert set(runs) == {"data", "dry run"}
    assert runs["data"].data.tags["mlflow.parentRunId"] == run.id


def test_a_dry_run_that_fails_says_why_as_the_training_would(make_pipeline: MakePipeline, tracker: Tracker) -> None:
    with pytest.raises(ConfigError, match="preset faces64"):
        make_pipeline("train", preset="faces64", dry_run=True).dry_run()
    failed = _runs(tracker)["dry run"]
    assert failed.info.status == "FAILED"
    assert "preset faces64" in failed.data.tags[tags.ERROR]
    assert failed.data.metrics == {}
