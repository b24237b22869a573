from pathlib import Path
from typing import Any

import pytest
import torch

from lds_mlflow.choices.presets import SEQUENCES
from lds_mlflow.config import FinetuneConfig, TrainConfig, parse
from lds_mlflow.domains import domain_of
from lds_mlflow.errors import ArtifactError, ConfigError
from lds_mlflow.models import AUTOENCODERS
from lds_mlflow.models.stylegan import VAE
from lds_mlflow.recipes.fit_requests import (
    FitRequest,
    finetuning_as_configured,
    outside_of,
    training_as_configured,
)
from lds_mlflow.values import AugmentationSet, ExampleSet, ModelWeights
from tests.tiny import SPEC, random_images
from tests.vectors import LinearAutoencoder

TRAIN = ExampleSet("noise", random_images(24), tuple(map(str, range(24))))
A = AugmentationSet(random_images(6), torch.ones(6, 4))
WEIGHTS = VAE.initialised(SPEC, 0).to_weights()


def _training(**settings: Any) -> FitRequest:
    return training_as_configured(parse(TrainConfig, settings), TRAIN, checkpoint_every=7)


def _finetuning(a: AugmentationSet | None = A, weights: ModelWeights = WEIGHTS, **settings: Any) -> FitRequest:
    return finetuning_as_configured(parse(FinetuneConfig, settings), weights, TRAIN, a, checkpoint_every=7)


def test_training_is_of_a_new_model_on_the_training_examples() -> None:
    request = _training(train_steps=11, kl_warmup=5, train_seed=3, batch_size=8)
    plan = request.task.plan
    assert (plan.steps, plan.kl_warmup, plan.seed, plan.batch_size, plan.checkpoint_every) == (11, 5, 3, 8, 7)
    assert request.task.examples_N is TRAIN.examples_N
    assert (request.domain, request.words) == ("images", "all of it on train (24)")
    assert request.task.model.prior_kind == "gaussian"
    assert request.task.perceptual is None


@pytest.mark.parametrize(("prior", "components"), [("gaussian", 0), ("exemplar", 24), ("vamp", 5)])
def test_another_prior_has_components_of_the_training_examples(prior: str, components: int) -> None:
    for request in (_training(prior=prior, pseudo_inputs=5), _finetuning(finetune_prior=prior, pseudo_inputs=5)):
        spec = request.task.model.to_weights().spec
        assert (spec["prior"], spec["components"]) == (prior, components)


def test_a_prior_that_is_kept_is_the_model_s_own() -> None:
    weights = _training(prior="vamp", pseudo_inputs=5).task.model.to_weights()
    assert _finetuning(weights=weights).task.model.to_weights().digest == weights.digest
    assert _finetuning(weights=weights, finetune_prior="vamp").task.model.to_weights().digest == weights.digest


def test_finetuning_is_of_the_model_on_train_and_a() -> None:
    request = _finetuning(finetune_steps=11, finetune_seed=3)
    assert request.task.model.to_weights().digest == WEIGHTS.digest
    assert torch.equal(request.task.examples_N, torch.cat([TRAIN.examples_N, A.examples_A]))
    assert (request.task.plan.steps, request.task.plan.seed, request.task.z_AD) == (11, 3, None)
    assert request.words == "all of it on train (24) + A (6)"


def test_only_what_was_decoded_is_made_by_a_model() -> None:
    given = [A, AugmentationSet(A.examples_A), None]
    assert [_finetuning(a).task.form.n_made for a in given] == [6, 0, 0]
    assert _training().task.form.n_made == 0


def test_finetuning_without_a_is_on_train_alone() -> None:
    request = _finetuning(None)
    assert request.task.examples_N is TRAIN.examples_N
    assert request.words == "all of it on train (24)"


def test_the_variants_train_a_part_or_find_latents() -> None:
    assert _finetuning(finetune_variant="decoder").words == "the decoder on train (24) + A (6)"
    assert _finetuning(finetune_variant="consistency").task.z_AD is A.z_AD
    with pytest.raises(ConfigError, match="finetune_variant=consistency"):
        _finetuning(None, finetune_variant="consistency")


def test_a_model_that_can_not_be_trained_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(AUTOENCODERS, LinearAutoencoder.kind, LinearAutoencoder)
    linear = LinearAutoencoder(torch.zeros(3), torch.eye(3, 2)).to_weights()
    with pytest.raises(ArtifactError, match="can only encode and decode"):
        _finetuning(weights=linear)


def test_a_preset_and_a_distance_for_other_images_are_refused() -> None:
    with pytest.raises(ConfigError, match="preset faces64"):
        _training(preset="faces64")
    with pytest.raises(ConfigError, match="perceptual=lpips"):
        _training(perceptual="lpips")


def test_a_distance_is_part_of_the_task() -> None:
    request = _training(perceptual="laplacian", perceptual_weight=0.5)
    assert request.task.perceptual is not None
    assert request.task.plan.perceptual_weight == 0.5


def test_the_weights_of_the_distance_lie_outside(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    digests = []
    for content in (b"one", b"other"):
        path.write_bytes(content)
        digests.append(outside_of(parse(TrainConfig, {"perceptual": "squeezenet", "perceptual_weights": str(path)})))
    assert digests[0] != digests[1]
    assert outside_of(parse(TrainConfig, {})) == ""


@pytest.mark.parametrize(
    ("channels", "given", "adversary", "weight", "after"),
    [
        (1, "auto", "joint", 0.05, None),
        (3, "auto", "balanced", 1.0, 2000),
        (1, "balanced", "balanced", 1.0, 2000),
        (3, "joint", "joint", 0.05, None),
    ],
)
def test_the_adversary_suits_the_images_unless_another_is_given(
    channels: int, given: str, adversary: str, weight: float, after: int | None
) -> None:
    images = random_images(8).expand(-1, channels, -1, -1)
    train = ExampleSet("noise", images, tuple(map(str, range(8))))
    config = parse(TrainConfig, {"adversary": given, "batch_size": 8, "adversarial_weight": 2, "preset": "auto"})
    plan = training_as_configured(config, train, checkpoint_every=7).task.plan
    assert (plan.adversary, plan.adversarial_weight, plan.adversary_after) == (adversary, 2 * weight, after)


def test_finetuning_has_the_adversary_of_the_images_from_its_first_step_on() -> None:
    plan = _finetuning().task.plan
    assert (plan.adversary, plan.adversarial_weight, plan.adversary_after) == ("joint", 0.05, 0)


def test_training_on_sequences_is_by_their_recipe_and_preset() -> None:
    tokens = ExampleSet("some", torch.tensor([[5, 7, 0], [7, 0, 0]]), ("a", "b"), domain="molecules")
    request = training_as_configured(parse(TrainConfig, {"recipe": "sequence"}), tokens, checkpoint_every=7)
    preset, plan = SEQUENCES["tokens"], request.task.plan
    assert (plan.steps, plan.batch_size, plan.kl_weight) == (preset.most_steps, preset.batch_size, 0.05)
    assert not plan.has_adversary
    assert request.task.model.latent_shape == (preset.latent_dim,)
    assert request.task.scale is domain_of("molecules").scale


def test_a_perceptual_distance_of_sequences_is_refused(tmp_path: Path) -> None:
    weights = tmp_path / "weights"
    weights.touch()
    config = parse(TrainConfig, {"recipe": "perceptual", "perceptual_weights": str(weights)})
    tokens = ExampleSet("some", torch.tensor([[5, 7, 0]]), ("a",), domain="molecules")
    with pytest.raises(ConfigError, match="squeezenet, for examples that are molecules"):
        training_as_configured(config, tokens, checkpoint_every=7)
