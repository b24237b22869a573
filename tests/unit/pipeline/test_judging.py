"""What is evaluated and compared, and who may see the test part."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from lds_mlflow.entry.graph import STEPS, TEST_PARTS
from lds_mlflow.errors import (
    ConfigError,
    DataError,
    ProtocolError,
)
from lds_mlflow.tracking import FinishedRun, Tracker, tags
from lds_mlflow.tracking.context import Context
from lds_mlflow.values import Evaluation, ExampleSet
from tests.conftest import MakePipeline
from tests.unit.pipeline.conftest import QUIET, artifacts


@pytest.fixture
def tracking_uri(trained_store: str) -> str:
    return trained_store


def test_models_are_evaluated_and_compared_in_one_command(make_pipeline: MakePipeline, tracker: Tracker) -> None:
    models = [make_pipeline("train", train_seed=seed).run("train").id for seed in (0, 1)]
    run = make_pipeline("compare", runs=f"one={models[0]},other=runs:/{models[1]}").run("compare")
    assert set(run.inputs) == {"one", "other"}
    assert "(24 samples, test): " in run.sentence
    table = Path(tracker.client.download_artifacts(run.id, "comparison.csv")).read_text().splitlines()
    assert {line.split(",")[0] for line in table[1:]} >= {"fid", "coverage", "density", "recall"}
    found = artifacts(tracker, run.id)
    assert {"report.md", "report.html", "pictures/other_against_one.png", "pictures/tradeoff.png"} <= found
    assert {name.split("/")[0] for name in run.figures if "/coverage_low" in name or "coverage_difference" in name} == {
        "one",
        "other",
        "other against one",
    }


def test_evaluations_are_compared_as_they_are_and_named_by_their_models(
    make_pipeline: MakePipeline, said: list[str]
) -> None:
    models = [make_pipeline("train", train_seed=seed).run("train").id for seed in (0, 1)]
    evaluations = [make_pipeline("evaluate", model_run=model).run("evaluate") for model in models]
    said.clear()
    run = make_pipeline("compare", runs=",".join(found.id for found in evaluations)).run("compare")
    assert run.inputs == {f"train {models[i][:8]}": evaluations[i].id for i in range(2)}
    assert not any(line.startswith("evaluate") for line in said)


def test_the_order_of_the_runs_decides_which_is_the_reference(make_pipeline: MakePipeline, tracker: Tracker) -> None:
    models = [make_pipeline("train", train_seed=seed).run("train").id for seed in (0, 1)]
    one, other = (f"{name}={model}" for name, model in zip(("one", "other"), models, strict=True))
    first = make_pipeline("compare", runs=f"{one},{other}").run("compare")
    second = make_pipeline("compare", runs=f"{other},{one}").run("compare")
    for run, model, reference in ((first, "other", "one"), (second, "one", "other")):
        path = tracker.client.download_artifacts(run.id, "comparison.csv")
        table = pd.read_csv(path)
        assert (set(table["model"]), set(table["reference"])) == ({model}, {reference})
    again = make_pipeline("compare", runs=f"{one},{other}").run("compare")
    assert again.id == first.id


def test_one_model_twice_is_no_comparison(make_pipeline: MakePipeline) -> None:
    train = make_pipeline("train").run("train").id
    with pytest.raises(ConfigError, match=f"two runs of the name train {train[:8]}"):
        make_pipeline("compare", runs=f"{train},{train}").run("compare")


def test_features_are_computed_again_where_nothing_is_to_be_reused(make_pipeline: MakePipeline, tmp_path: Path) -> None:
    train = make_pipeline("train").run("train").id
    make_pipeline("evaluate", model_run=train, reuse=False).run("evaluate")
    assert not (tmp_path / "work" / "features").exists()


def test_a_comparison_with_what_is_no_model_is_refused(make_pipeline: MakePipeline) -> None:
    data = make_pipeline("data").run("data").id
    with pytest.raises(ConfigError, match=r"a run of data.*expected a run of evaluate or finetune or train"):
        make_pipeline("compare", runs=f"{data},{data}").run("compare")


def test_an_evaluation_by_the_part_select_never_touches_the_test_part(
    make_pipeline: MakePipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = make_pipeline("train").run("train").id
    opened: list[str] = []
    load = FinishedRun.load

    def noting(self: FinishedRun, kind: type[Any], name: str) -> Any:
        opened.append(name)
        return load(self, kind, name)

    monkeypatch.setattr(FinishedRun, "load", noting)
    run = make_pipeline("evaluate", model_run=train, part="select").run("evaluate")
    assert "select" in opened
    assert "test" not in opened
    assert run.entity.data.tags[tags.PART] == "select"


def test_an_evaluation_by_the_part_select_is_denied_the_test_part(
    make_pipeline: MakePipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    def peek(config: object, context: Context) -> str:
        return str(len(context.inputs["data"].load(ExampleSet, "test")))

    train = make_pipeline("train").run("train").id
    monkeypatch.setattr(f"{STEPS['evaluate'].module}.run", peek)
    with pytest.raises(ProtocolError, match="Use the part select for choices"):
        make_pipeline("evaluate", model_run=train, part="select").run("evaluate")


def test_what_chooses_gets_neither_figures_nor_artifacts_of_the_test_part(make_pipeline: MakePipeline) -> None:
    train = make_pipeline("train").run("train").id
    by_test, by_select = (
        make_pipeline("evaluate", model_run=train, part=part).run("evaluate").without(*TEST_PARTS)
        for part in ("test", "select")
    )
    assert (by_test.metrics, by_test.figures) == ({}, {})
    assert "fid" in by_select.metrics
    assert "fid_low" in by_select.figures
    with pytest.raises(ProtocolError):
        by_test.load(Evaluation, "evaluation_test")
    assert by_select.load(Evaluation, "evaluation_select").part == "select"


def test_features_are_computed_once_a_set(make_pipeline: MakePipeline, tmp_path: Path) -> None:
    train = make_pipeline("train").run("train").id
    make_pipeline("evaluate", model_run=train).run("evaluate")
    (folder,) = (tmp_path / "work" / "features").iterdir()
    kept = {file.name: file.stat().st_mtime_ns for file in folder.iterdir()}
    make_pipeline("evaluate", model_run=train, sample_seed=9).run("evaluate")
    after = {file.name: file.stat().st_mtime_ns for file in folder.iterdir()}
    # Other samples are another set; all others are there.
    assert len(after) == len(kept) + 1
    assert kept.items() <= after.items()


@pytest.mark.parametrize(
    "step", [name for name, step in STEPS.items() if step.inputs and not step.judges(step.config())]
)
def test_a_step_that_fits_or_chooses_can_not_read_the_test_part(
    make_pipeline: MakePipeline, tracker: Tracker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def peek(config: object, context: Context) -> str:
        return str(len(context.inputs["data"].load(ExampleSet, "test")))

    for run in tracker.client.search_runs([tracker.experiment_id], f"tags.`{tags.STEP}` = '{step}'"):
        tracker.client.delete_run(run.info.run_id)
    changes: dict[str, dict[str, Any]] = {"finetune": QUIET, "open": {"model": str(tmp_path)}}
    pipeline = make_pipeline(step, **changes.get(step, {}))
    monkeypatch.setattr(f"{STEPS[step].module}.run", peek)
    with pytest.raises(ProtocolError, match="Use the part select for choices"):
        pipeline.run(step)
    failed = tracker.client.search_runs([tracker.experiment_id], f"tags.`{tags.STEP}` = '{step}'")[0]
    assert failed.info.status == "FAILED"
    assert failed.data.tags[tags.ERROR].startswith("ProtocolError")


def test_only_evaluate_compare_and_ablate_judge() -> None:
    assert [name for name, step in STEPS.items() if step.judges(step.config())] == ["evaluate", "compare", "ablate"]


def test_images_without_labels_stop_an_evaluation_before_training(
    make_pipeline: MakePipeline, tmp_path: Path, said: list[str], unlabelled_folder: Path
) -> None:
    with pytest.raises(DataError, match=r"no classes.*other features: inception"):
        make_pipeline("evaluate", data=str(unlabelled_folder), limit=0).run("evaluate")
    assert not any(line.startswith("train ") for line in said)
