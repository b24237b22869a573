import pytest

from lds_mlflow.pipeline.seed_runs import SeedRuns, first_sample_of, shared_runs
from lds_mlflow.tracking import FinishedRun
from tests.conftest import MakePipeline


@pytest.fixture
def runs(make_pipeline: MakePipeline) -> SeedRuns:
    """The runs of seed 1, with everything that seeds share."""
    pipeline = make_pipeline("ablate", seeds=2)
    parent = pipeline.tracker.begin("tests", parent=None, values={}).id
    return SeedRuns(pipeline.runner, shared_runs(pipeline.runner, {}, parent), 1, parent)


def test_samples_of_two_seeds_have_no_seed_in_common() -> None:
    assert first_sample_of(0) == 0
    assert first_sample_of(2) - first_sample_of(1) > 1_000_000


def test_seeds_share_data_and_a_classifier_where_there_are_classes(runs: SeedRuns) -> None:
    assert {name: run.step for name, run in runs.shared.items()} == {"data": "data", "classifier": "classifier"}


def test_runs_that_are_known_are_not_made_again(runs: SeedRuns) -> None:
    assert shared_runs(runs.runner, runs.shared, runs.parent) == runs.shared


def test_a_seed_has_a_baseline_and_a_finetuned_model_of_its_own(runs: SeedRuns) -> None:
    known = runs.baseline()
    assert set(known) == {"data", "classifier", "train", "encode"}
    assert known["train"].params["train_seed"] == "1"
    control = runs.finetune(known, "control", {})
    assert (control.params["finetune_seed"], control.params["augment_run"]) == ("1", "none")
    known["augment"] = runs.augment(known, "random", {"selection": "random"})
    assert (known["augment"].params["augment_seed"], known["augment"].params["selection"]) == ("1", "random")
    assert _augmentation_of(runs.finetune(known, "random", {})) == known["augment"].id
    evaluated = runs.evaluate("control", control, "select", sampler="prior")
    assert (evaluated.params["part"], evaluated.params["sampler"]) == ("select", "prior")
    assert evaluated.params["sample_seed"] == str(first_sample_of(1))


def _augmentation_of(run: FinishedRun) -> str | None:
    return run.inputs.get("augment")
