from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from lds_mlflow.choices.samplers import COMPARED
from lds_mlflow.metrics import is_too_near
from lds_mlflow.tracking import Tracker, tags
from lds_mlflow.values import Evaluation, LatentDistribution, ModelWeights
from tests.conftest import MakePipeline


@pytest.fixture
def tracking_uri(trained_store: str) -> str:
    return trained_store


def _names(tracker: Tracker, step: str) -> list[str]:
    runs = tracker.client.search_runs([tracker.experiment_id], f"tags.`{tags.STEP}` = '{step}'")
    return sorted(str(run.info.run_name) for run in runs)


def _version(tracker: Tracker, name: str = "digits") -> Any:
    return tracker.client.get_model_version_by_alias(name, "challenger")


def test_the_sampler_is_chosen_by_the_select_part_and_registered_with_the_model(
    make_pipeline: MakePipeline, tracker: Tracker
) -> None:
    model = make_pipeline("train").run("train")
    run = make_pipeline("register", model_run=model.id, sampler_components=3).run("register")
    evaluations = {name: tracker.open(run.inputs[name]).load(Evaluation, "evaluation_select") for name in COMPARED}
    assert {found.part for found in evaluations.values()} == {"select"}
    allowed = {name: found for name, found in evaluations.items() if not is_too_near(found)}
    by_ratio = max(evaluations, key=lambda name: evaluations[name].metrics["nearest_ratio"])
    chosen = min(allowed, key=lambda name: allowed[name].metrics["fid"]) if allowed else by_ratio
    assert run.load(LatentDistribution, "distribution").sampler == chosen
    assert _version(tracker).run_id == run.id
    assert model.id[:8] in _version(tracker).description
    table = pd.read_csv(tracker.client.download_artifacts(run.id, "samplers.csv"))
    assert table["sampler"].tolist() == list(COMPARED)
    assert not {"flow", "ncp", "polarity"} & set(run.inputs)
    assert "test" not in " ".join(_names(tracker, "evaluate"))


def test_a_sampler_that_is_asked_for_is_registered_without_a_choice(
    make_pipeline: MakePipeline, tracker: Tracker
) -> None:
    model = make_pipeline("train").run("train")
    run = make_pipeline("register", model_run=model.id, served_sampler="density", sampler_sigma="0.5").run("register")
    distribution = run.load(LatentDistribution, "distribution")
    assert (distribution.sampler, "sigma 0.5" in distribution.name) == ("density", True)
    assert _names(tracker, "evaluate") == []


def test_a_registered_model_has_a_card_with_data_method_parameters_figures_and_limits(
    make_pipeline: MakePipeline, tracker: Tracker
) -> None:
    make_pipeline("finetune", top_fraction=0.3).run("finetune")
    card = _version(tracker).description
    titles = ("Data", "Method", "Parameters", "Figures", "Limits", "Licences", "Lineage", "Promotion")
    assert [line.removeprefix("## ") for line in card.splitlines() if line.startswith("## ")] == list(titles)
    assert "scikit-learn digits" in card
    assert "top_fraction=0.3" in card
    assert "| FID | " in card
    assert len(card) < 5000


def test_finetune_ends_with_a_registered_model(make_pipeline: MakePipeline, tracker: Tracker) -> None:
    run = make_pipeline("finetune", served_sampler="prior").run("finetune")
    registered = tracker.open(str(_version(tracker).run_id))
    assert (registered.step, registered.inputs["model"]) == ("register", run.id)


def test_images_without_classes_are_served_from_the_latent_density_and_that_is_said(
    make_pipeline: MakePipeline, unlabelled_folder: Path, tracker: Tracker
) -> None:
    make_pipeline("finetune", data=str(unlabelled_folder), limit=0).run("finetune")
    description = _version(tracker, unlabelled_folder.name).description
    assert "samples drawn from the latent density" in description
    assert "the default: without classes" in description


def test_main_shows_the_model_as_it_is_registered_beside_the_others(
    make_pipeline: MakePipeline, tracker: Tracker
) -> None:
    run = make_pipeline("main", served_sampler="density").main()
    metrics = tracker.client.get_run(run.id).data.metrics
    labels = ("baseline", "control", "finetuned", "finetuned by density")
    assert {f"fid/{label}" for label in labels} <= set(metrics)
    note = tracker.client.get_run(run.id).data.tags["mlflow.note.content"]
    version = "[digits version 1](#/models/digits/versions/1?workflowType=machine_learning)"
    assert version in note.splitlines()[0]
    _require_few_columns(tracker)
    of_model = [
        found
        for found in tracker.client.search_runs([tracker.experiment_id])
        if f"Registered as {version}" in str(found.data.tags)
    ]
    assert sorted(found.data.tags[tags.STEP] for found in of_model) == ["finetune", "register"]


def _require_few_columns(tracker: Tracker) -> None:
    """Requires that each run has few metrics, and the list of runs few columns to choose from."""
    columns: set[str] = set()
    for run in tracker.client.search_runs([tracker.experiment_id]):
        own = {name for name in run.data.metrics if not name.startswith("system/")}
        assert len(own) <= 15, run.info.run_name
        kept = {name for name in run.data.tags if not name.startswith("mlflow.")}
        columns |= own | {f"params {name}" for name in run.data.params} | {f"tags {name}" for name in kept}
    assert len(columns) <= 60


def test_another_model_can_be_finetuned_again_with_latents_of_its_own(make_pipeline: MakePipeline) -> None:
    first = make_pipeline("finetune", registered_model="none").run("finetune")
    again = make_pipeline("finetune", train_run=first.id, registered_model="none").run("finetune")
    assert again.inputs["train"] == first.id
    assert again.inputs["encode"] != first.inputs["encode"]
    assert again.inputs["data"] == first.inputs["data"]
    assert again.load(ModelWeights, "model").digest != first.load(ModelWeights, "model").digest


@pytest.mark.parametrize("prior", ["exemplar", "vamp"])
def test_a_model_is_trained_and_finetuned_with_another_prior_and_samples_from_it(
    make_pipeline: MakePipeline, prior: str
) -> None:
    run = make_pipeline("train", prior=prior, pseudo_inputs=5).run("train")
    weights = run.load(ModelWeights, "model")
    assert (weights.spec["prior"], weights.spec["components"]) == (prior, 72 if prior == "exemplar" else 5)
    tuned = make_pipeline(
        "finetune", finetune_prior=prior, pseudo_inputs=5, augment_run="none", registered_model="none"
    )
    assert tuned.run("finetune").load(ModelWeights, "model").spec["prior"] == prior
    evaluated = make_pipeline("evaluate", model_run=run.id, part="select", sampler="prior").run("evaluate")
    assert "the prior, a mixture of" in evaluated.sentence
