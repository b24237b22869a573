import pytest

from lds_mlflow.tracking import Tracker, tags
from tests.end_to_end.conftest import Run

pytestmark = pytest.mark.end_to_end


def _statuses(tracker: Tracker) -> dict[str, str]:
    runs = tracker.client.search_runs([tracker.experiment_id])
    return {run.data.tags.get(tags.STEP, run.info.run_name): run.info.status for run in runs}


def test_main_runs_the_whole_pipeline_and_says_what_to_do_next(mlflow_run: Run, tracker: Tracker) -> None:
    done = mlflow_run("main")
    assert done.returncode == 0, done.stderr
    assert _statuses(tracker) == dict.fromkeys(
        ("main", "data", "classifier", "train", "encode", "augment", "finetune", "evaluate"), "FINISHED"
    )
    assert "mlflow ui --backend-store-uri" in done.stdout
    assert 'mlflow models serve -m "models:/lds-vae@challenger"' in done.stdout
    assert str(tracker.client.get_model_version_by_alias("lds-vae", "challenger").version) == "1"


def test_the_run_that_mlflow_begins_is_the_steps_own_run(mlflow_run: Run, tracker: Tracker) -> None:
    done = mlflow_run("data", split_seed=3)
    assert done.returncode == 0, done.stderr
    (run,) = tracker.client.search_runs([tracker.experiment_id])
    assert run.data.tags["mlflow.project.entryPoint"] == "data"
    assert run.data.tags[tags.STEP] == "data"
    assert (run.data.params["split_seed"], run.data.params["data"]) == ("3", "digits")


def test_a_second_finetune_reuses_what_is_there(mlflow_run: Run) -> None:
    first = mlflow_run("finetune", registered_model="none")
    assert first.returncode == 0, first.stderr
    second = mlflow_run("finetune", registered_model="none")
    assert second.returncode == 0, second.stderr
    assert second.stdout.count(" reused run ") == 5
    assert " running on " not in second.stdout


def test_wrong_parameters_are_named_together_and_nothing_is_computed(mlflow_run: Run, tracker: Tracker) -> None:
    done = mlflow_run("finetune", tau=-1, top_fraction=2, sigma="wide", train_steps="many")
    assert done.returncode != 0
    assert all(f"- {name}=" in done.stderr for name in ("tau", "top_fraction", "sigma", "train_steps"))
    assert _statuses(tracker) == {"finetune": "FAILED"} or len(_statuses(tracker)) == 1
    assert "running" not in done.stdout
