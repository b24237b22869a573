from pathlib import Path

import pytest
import torch

from lds_mlflow.config import FinetuneConfig
from lds_mlflow.errors import ConfigError
from lds_mlflow.recipes.fit_requests import FitRequest
from lds_mlflow.recipes.tracked_fit import DISCRIMINATOR, FittedModel
from lds_mlflow.steps import finetune
from lds_mlflow.tracking.context import Context
from lds_mlflow.values import AugmentationSet, ExampleSet, ModelWeights
from tests.tiny import random_images
from tests.unit.steps.surroundings import WEIGHTS, GivenRun, surroundings

DECODED = AugmentationSet(random_images(6), torch.ones(6, 4))


@pytest.fixture
def inputs(digits: GivenRun) -> dict[str, GivenRun]:
    return {
        "data": digits,
        "train": GivenRun("train", {"model": WEIGHTS}),
        "augment": GivenRun("augment", {"augmentation": DECODED}),
    }


@pytest.mark.parametrize(("run", "on"), [("auto", "train (72) + A (6)"), ("none", "train (72)")])
def test_the_model_is_fitted_on_train_and_a_unless_there_is_to_be_none(
    inputs: dict[str, GivenRun], parts: dict[str, ExampleSet], run: str, on: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[FitRequest] = []

    def noting(request: FitRequest, context: Context, **given: object) -> FittedModel:
        asked.append(request)
        assert given == {
            "train": parts["train"],
            "select": parts["select"],
            "description": "finetuning",
            "begun_with": context.inputs["train"],
        }
        return FittedModel(WEIGHTS, "what came out")

    monkeypatch.setattr(finetune, "fit_and_track", noting)
    config = FinetuneConfig(finetune_steps=11, finetune_seed=3, augment_run=run)
    context, _ = surroundings(inputs)
    assert finetune.run(config, context) == f"all of it on {on}: what came out"
    (request,) = asked
    plan = request.task.plan
    assert (plan.steps, plan.seed, plan.checkpoint_every) == (11, 3, context.checkpoint_every)
    assert len(request.task.examples_N) == 72 + (6 if run == "auto" else 0)
    assert request.task.model.to_weights().digest == WEIGHTS.digest


def test_finetuning_begins_with_the_discriminator_of_its_baseline(
    inputs: dict[str, GivenRun], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[FitRequest] = []

    def noting(request: FitRequest, context: Context, **given: object) -> FittedModel:
        asked.append(request)
        return FittedModel(WEIGHTS, "what came out")

    monkeypatch.setattr(finetune, "fit_and_track", noting)
    kept = ModelWeights({}, {"a": torch.ones(1)}, DISCRIMINATOR)
    for values in ({}, {DISCRIMINATOR: kept}):
        context, _ = surroundings({**inputs, "train": GivenRun("train", {"model": WEIGHTS, **values})})
        finetune.run(FinetuneConfig(), context)
    assert [request.task.discriminator for request in asked] == [None, kept.state]


@pytest.mark.parametrize(
    ("params", "said"), [({}, False), ({"recipe": "adversarial"}, False), ({"recipe": "elbo"}, True)]
)
def test_a_baseline_that_another_recipe_trained_is_said_to_be_one(
    inputs: dict[str, GivenRun], params: dict[str, str], said: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finetune, "fit_and_track", lambda *_, **__: FittedModel(WEIGHTS, "what came out"))
    context, _ = surroundings({**inputs, "train": GivenRun("train", {"model": WEIGHTS}, params=params)})
    sentence = finetune.run(FinetuneConfig(), context)
    assert ("had been trained by recipe=elbo and was finetuned by recipe=adversarial" in sentence) is said


@pytest.mark.parametrize("variant", ["decoder", "consistency"])
def test_the_decoder_alone_leaves_the_encoder_and_latents_of_a_change_it(
    inputs: dict[str, GivenRun], tmp_path: Path, variant: str
) -> None:
    config = FinetuneConfig(finetune_variant=variant, finetune_steps=2, batch_size=8)
    context, own = surroundings(inputs, checkpoint_path=tmp_path / "checkpoint")
    finetune.run(config, context)
    state = own.values["model"].state
    encoder = [name for name in state if name.startswith("encoder.")]
    kept = all((state[name] == WEIGHTS.state[name]).all() for name in encoder)
    assert kept == (variant == "decoder")


@pytest.mark.parametrize(
    ("run", "augmentation"), [("none", DECODED), ("auto", AugmentationSet(random_images(6)))], ids=["none", "mixup"]
)
def test_latents_of_a_are_refused_where_there_are_none(
    inputs: dict[str, GivenRun], run: str, augmentation: AugmentationSet
) -> None:
    given = {**inputs, "augment": GivenRun("augment", {"augmentation": augmentation})}
    with pytest.raises(ConfigError, match="finetune_variant=consistency"):
        finetune.run(FinetuneConfig(finetune_variant="consistency", augment_run=run), surroundings(given)[0])


def test_the_weights_of_the_loss_count_as_read_from_outside(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(b"weights")
    config = FinetuneConfig(perceptual="squeezenet", perceptual_weights=str(path))
    assert finetune.outside(config) != finetune.outside(FinetuneConfig()) == ""
