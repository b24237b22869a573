from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from lds_mlflow.choices.figures import SUMMARY
from lds_mlflow.pipeline.runner import Runner
from lds_mlflow.pipeline.summary import log_summary, show_comparison
from lds_mlflow.tracking import Run, Tracker, tags
from tests.conftest import an_evaluation, tiny_configs
from tests.unit.steps.surroundings import GivenRun

METRICS = {name: 0.5 for figure in SUMMARY for name in (figure, f"floor_{figure}")}
SENTENCE = "control has the lowest FID, 0.5\nbaseline not converged (baseline)"


@pytest.fixture
def compared(tmp_path: Path) -> GivenRun:
    """A comparison of two models."""
    metrics = {"fid": 0.5, "fid/control": 0.5, "seconds": 3.0}
    labels = {"baseline": "b" * 32, "control": "c" * 32}
    found = GivenRun("compare", params={"extractor": "classifier-12ab"}, metrics=metrics, inputs=labels)
    found.entity.data.tags[tags.SENTENCE] = SENTENCE
    return found


@pytest.fixture
def runner(tracker: Tracker, said: list[str], tmp_path: Path, undrawn_figures: None) -> Runner:
    """What a summary asks a runner for: upstream runs, without artifacts but evaluations."""
    (tmp_path / "pictures").mkdir()
    evaluation = an_evaluation(metrics=METRICS, intervals=dict.fromkeys(SUMMARY, (0.4, 0.6)))
    runs: dict[str, GivenRun] = {
        label: GivenRun("evaluate", {"evaluation_test": evaluation}, params={"part": "test"}, files=tmp_path)
        for label in ("baseline", "control")
    }
    version = SimpleNamespace(tags={tags.DECISION: "became the champion as the first champion"})
    registry = SimpleNamespace(get=lambda name, number: version)
    fake: Any = SimpleNamespace(
        upstream=lambda run, stem, *, parent: runs[stem],
        configs=tiny_configs("main", {}),
        tracker=SimpleNamespace(tracking_uri=tracker.tracking_uri, registry=registry),
        say=said.append,
        registered="",
    )
    return cast(Runner, fake)


@pytest.fixture
def run(tracker: Tracker) -> Run:
    return tracker.begin("main digits", parent=None, values={})


def test_the_description_begins_with_the_verdict_and_its_links(
    runner: Runner, run: Run, compared: GivenRun, tracker: Tracker
) -> None:
    runner.registered = "faces/3"
    show_comparison(runner, run, compared)
    shown = tracker.client.get_run(run.id).data
    first, second, *_ = shown.tags["mlflow.note.content"].split("\n\n")
    assert first.startswith("**control has the lowest FID, 0.5.** [Report](#/experiments/")
    assert "[faces version 3](#/models/faces/versions/3?workflowType=machine_learning)" in first
    assert "viewStateShareKey" in first
    assert second == "baseline not converged (baseline)"
    assert shown.metrics == {"fid": 0.5, "fid/control": 0.5}
    assert shown.params == {"extractor": "classifier-12ab"}


def test_without_a_registered_model_none_is_linked(
    runner: Runner, run: Run, compared: GivenRun, tracker: Tracker
) -> None:
    log_summary(runner, run, show_comparison(runner, run, compared))
    assert "#/models/" not in tracker.client.get_run(run.id).data.tags["mlflow.note.content"]


def test_the_report_says_what_became_of_the_registered_model_and_where_it_is_is_printed(
    runner: Runner, run: Run, compared: GivenRun, said: list[str]
) -> None:
    runner.registered = "faces/3"
    log_summary(runner, run, show_comparison(runner, run, compared))
    word, place = said[-1].split()
    assert word == "report"
    page = Path(place).read_text()
    assert "Version 3 of faces became the champion as the first champion." in page
    assert "#/models/faces/versions/3" in page
