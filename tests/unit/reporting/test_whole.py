import json
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from lds_mlflow.choices.figures import SUMMARY
from lds_mlflow.reporting.whole import WholePipeline, report_of_pipeline
from lds_mlflow.tracking import tags
from lds_mlflow.tracking.lost import LostRun
from tests.conftest import an_evaluation
from tests.unit.steps.surroundings import GivenRun

METRICS = {name: 0.5 for figure in SUMMARY for name in (figure, f"floor_{figure}")}
LOST = LostRun("0" * 32, step="data", digest="12", tracking_uri="sqlite://", experiment_id="0")


@pytest.fixture
def made(tmp_path: Path) -> WholePipeline:
    """A pipeline of two models, of which the control is better."""
    (tmp_path / "pictures").mkdir()
    for name in ("samples", "real_test", "curves", "real"):
        Image.new("L", (8, 8)).save(tmp_path / "pictures" / f"{name}.png")
    fids = {"baseline": 2.0, "control": 1.5}
    evaluated = {label: GivenRun("evaluate", files=tmp_path) for label in fids}
    data = GivenRun("data", files=tmp_path, metrics={"seconds": 1234.0})
    models = {"baseline": GivenRun("train", files=tmp_path), "control": GivenRun("finetune", files=tmp_path)}
    return WholePipeline(
        data="faces64",
        sentence="control has the lowest FID, 1.5\nbaseline not converged",
        evaluated=evaluated,
        evaluations={
            label: an_evaluation(metrics=METRICS | {"fid": fid}, intervals=dict.fromkeys(SUMMARY, (0.4, 0.6)))
            for label, fid in fids.items()
        },
        models=models,
        upstream=[data, *models.values()],
        ui="http://127.0.0.1:5000",
        registered="Version 1 of faces became the champion",
        pages={"All runs": "#/experiments/1/runs"},
    )


def test_the_verdict_comes_first_then_the_champion_and_the_figures(made: WholePipeline) -> None:
    text = report_of_pipeline(made).markdown()
    places = [text.index(part) for part in ("control has the lowest", "not converged", "the champion", "| model |")]
    assert places == sorted(places)
    assert "control (lowest FID)" in text
    assert "baseline (lowest FID)" not in text
    assert "0.5 (0.4 to 0.6)" in text


def test_samples_stand_beside_real_examples_and_curves_beside_one_another(made: WholePipeline) -> None:
    names = [name for name, _ in report_of_pipeline(made).pictures]
    assert names == [
        "pictures/comparison.png",
        *("pictures/real_test_real_examples.png", "pictures/samples_baseline.png", "pictures/samples_control.png"),
        *("pictures/curves_baseline.png", "pictures/curves_control.png"),
        "pictures/real_training.png",
    ]


def test_every_run_has_its_cost_and_a_link(made: WholePipeline) -> None:
    page = report_of_pipeline(made).html()
    assert "1,234" in page
    assert page.count("http://127.0.0.1:5000/#/experiments/1/runs/") == 3
    assert 'href="http://127.0.0.1:5000/#/experiments/1/runs"' in page


def test_an_alarm_stands_once_under_the_verdict(made: WholePipeline) -> None:
    for run in made.upstream:
        run.entity.data.tags[tags.ALARMS] = json.dumps(["The latents have collapsed."])
    text = report_of_pipeline(made).markdown()
    assert text.count("**Alarm: **The latents have collapsed.") == 1


def test_what_is_gone_is_left_out(made: WholePipeline) -> None:
    without = replace(made, upstream=[LOST], models={"baseline": LOST}, registered="")
    text = report_of_pipeline(without).markdown()
    assert "the record of this run of data is gone" in text
    assert "curves" not in text
    assert "champion" not in text
