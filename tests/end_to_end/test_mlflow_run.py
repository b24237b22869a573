import json
from pathlib import Path

import pytest

from lds_mlflow.entry.points import ENTRY_POINTS
from lds_mlflow.tracking import Tracker, tags
from lds_mlflow.values import ExampleSet, ModelWeights
from tests.browsers import require_chromium
from tests.conftest import MakePipeline
from tests.end_to_end.conftest import Run, Start, on_the_server
from tests.end_to_end.pages import require_pages_that_say_who_has_won
from tests.end_to_end.sampling import require_served
from tests.servers import PATIENCE_SECONDS

pytestmark = pytest.mark.end_to_end


@on_the_server
def test_main_then_finetune_as_the_readme_has_them(mlflow_run: Run, tracker: Tracker, tmp_path: Path) -> None:
    # .ci/run has them on a store of this machine.
    done = mlflow_run("main")
    assert done.returncode == 0, done.stderr
    runs = tracker.client.search_runs([tracker.experiment_id])
    assert {run.info.status for run in runs} == {"FINISHED"}
    steps = {
        "data",
        "classifier",
        "train",
        "encode",
        "augment",
        "finetune",
        "calibrate",
        "evaluate",
        "register",
        "compare",
        "promote",
    }
    assert {run.data.tags[tags.STEP] for run in runs} == {"main", *steps}
    (main,) = [run for run in runs if run.data.tags[tags.STEP] == "main"]
    assert main.data.tags["mlflow.project.entryPoint"] == "main"
    assert main.data.params["train_steps"] == "8"
    assert json.loads(main.data.tags[tags.OTHER_PARAMETERS])["tau"] == "0.28"
    assert f"/runs/{main.info.run_id}" in done.stdout
    assert "-e serve --env-manager uv -P model=models:/digits/1" in done.stdout
    assert "-e sample --env-manager uv -P model_run=models:/digits/1 -P sampler=" in done.stdout
    assert str(tracker.client.get_model_version_by_alias("digits", "challenger").version) == "1"

    again = mlflow_run("finetune")
    assert again.returncode == 0, again.stderr
    assert again.stdout.count(" reused") >= 5
    assert " done in " not in again.stdout

    require_served(tmp_path)
    require_chromium()
    require_pages_that_say_who_has_won(tracker, done.stdout, tmp_path)


def test_ablate_by_two_workers_ends_in_the_papers_tables(start: Start, tracker: Tracker) -> None:
    values = {"arms": "lds,sample-density", "seeds": 2, "workers": 2}
    process = start("ablate", **values)
    output, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0, errors
    runs = tracker.client.search_runs([tracker.experiment_id])
    assert {run.info.status for run in runs} == {"FINISHED"}
    (ablate,) = [run for run in runs if run.data.tags[tags.STEP] == "ablate"]
    others = [run for run in runs if run is not ablate]
    assert {run.data.tags["mlflow.parentRunId"] for run in others} == {ablate.info.run_id}
    assert [run.data.tags[tags.STEP] for run in others].count("train") == 2
    ledger = Path(tracker.client.download_artifacts(ablate.info.run_id, "paper/claims.md")).read_text()
    assert "The set A is what lowers FID" in ledger
    assert "8 of 8 done" in output


@on_the_server
def test_tune_by_two_workers_ends_in_a_registered_model_that_finetune_gives_again(
    start: Start, tracker: Tracker, tmp_path: Path
) -> None:
    settings = {
        "storage": f"sqlite:///{tmp_path / 'tuning.db'}",
        "seeds": 1,
        "fresh_seeds": 2,
        "finalists": 1,
        "workers": 2,
    }
    process = start("tune", trials=3, ranges="augment_run=auto, selection=top|power, sigma=norm/5", **settings)
    output, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0, errors
    runs = tracker.client.search_runs([tracker.experiment_id])
    (study,) = [run for run in runs if run.data.tags.get(tags.STEP) == "tune"]
    trials = [run for run in runs if tags.STATE in run.data.tags]
    assert (study.info.status, len(trials)) == ("FINISHED", 3)
    assert {run.data.tags["mlflow.parentRunId"] for run in trials} == {study.info.run_id}
    charts = Path(tracker.client.download_artifacts(study.info.run_id, "study/charts.html")).read_text()
    assert "Parallel coordinates" in charts
    version = tracker.client.get_model_version_by_alias("digits", "challenger")
    registered = tracker.open(str(version.run_id))
    assert "Study lds, " in str(version.description)

    (line,) = [line for line in output.splitlines() if line.startswith("This command makes the same weights: ")]
    given = dict(word.split("=", 1) for word in line.split() if "=" in word)
    again = start("finetune", **given, reuse="false")
    _, errors = again.communicate(timeout=PATIENCE_SECONDS)
    assert again.returncode == 0, errors
    runs = tracker.client.search_runs([tracker.experiment_id], order_by=["attributes.start_time DESC"])
    newest = tracker.open(next(run.info.run_id for run in runs if run.data.tags.get(tags.STEP) == "finetune"))
    confirmed = tracker.open(registered.inputs["model"])
    assert newest.id != confirmed.id
    assert newest.load(ModelWeights, "model").digest == confirmed.load(ModelWeights, "model").digest


def test_wrong_parameters_are_named_together_and_nothing_is_computed(mlflow_run: Run, tracker: Tracker) -> None:
    done = mlflow_run("finetune", tau=-1, top_fraction=2, sigma="wide", train_steps="many")
    assert done.returncode != 0
    assert all(f"- {name}=" in done.stderr for name in ("tau", "top_fraction", "sigma", "train_steps"))
    (run,) = tracker.client.search_runs([tracker.experiment_id])
    assert run.info.status == "FAILED"
    assert "running" not in done.stdout


def test_a_parameter_that_mlproject_does_not_declare_reaches_the_step_and_its_run(
    mlflow_run: Run, make_pipeline: MakePipeline, tracker: Tracker, unlabelled_folder: Path
) -> None:
    column = "it's a; $HOME"
    rows = [f"{number:02d}.png,{'even' if number % 2 else 'odd'}" for number in range(20)]
    (unlabelled_folder / "labels.csv").write_text("\n".join([f"file,{column}", *rows]))
    others = {"label": column, "tolerated": "0.5", "split_seed": "3"}
    assert not set(others) & set(ENTRY_POINTS["data"].declared)
    folder = str(unlabelled_folder)
    done = mlflow_run("data", data=folder, **others)
    assert done.returncode == 0, done.stderr
    (run,) = tracker.client.search_runs([tracker.experiment_id])
    assert run.info.status == "FINISHED"
    assert (run.data.params["split_seed"], run.data.params["tolerated"]) == ("3", "0.5")
    (data,) = [found for found in (tracker.open(run.info.run_id),) if found.step == "data"]
    assert data.load(ExampleSet, "train").class_names_K == ("even", "odd")
    with_default_seed = make_pipeline("data", data=folder, **{name: others[name] for name in ("label", "tolerated")})
    assert with_default_seed.run("data").digest != data.digest


def test_a_misspelt_parameter_is_refused_with_the_nearest_and_nothing_is_computed(
    mlflow_run: Run, tracker: Tracker
) -> None:
    done = mlflow_run("train", trian_steps=5)
    assert done.returncode != 0
    assert "there is no parameter trian_steps; the nearest is train_steps" in done.stderr
    (run,) = tracker.client.search_runs([tracker.experiment_id])
    assert run.info.status == "FAILED"
    assert "running" not in done.stdout
