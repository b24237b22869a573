from dataclasses import replace

import pytest
import torch

from lds_mlflow.errors import ArtifactError, ConfigError
from lds_mlflow.models import AUTOENCODERS, is_trainable, new_model, open_model, trainable
from lds_mlflow.models.sequence import SequenceVAE
from lds_mlflow.models.stylegan import VAE
from tests.tiny import SPEC
from tests.vectors import LinearAutoencoder

IMAGES = torch.zeros(1, 3, 8, 8, dtype=torch.uint8)
SEQUENCES = torch.tensor([[5, 9, 0], [9, 0, 0]])
LINEAR = LinearAutoencoder(torch.zeros(3), torch.eye(3, 2))


def test_a_model_is_opened_as_its_kind() -> None:
    weights = VAE.initialised(SPEC, 0).to_weights()
    opened = open_model(weights)
    assert type(opened) is AUTOENCODERS[weights.kind] is VAE
    assert opened.to_weights().digest == weights.digest


@pytest.mark.parametrize(
    ("kind", "said"), [("flow", "flow"), ("stylegan-vae", "stylegan-vae"), ("", "that has no name")]
)
def test_a_model_of_an_unknown_kind_is_refused_with_the_known_ones(kind: str, said: str) -> None:
    with pytest.raises(ArtifactError) as caught:
        open_model(replace(VAE.initialised(SPEC, 0).to_weights(), kind=kind))
    error = caught.value
    assert (error.what, error.found) == ("model weights", f"a model of the kind {said}")
    assert error.expected == f"one of {', '.join(AUTOENCODERS)}"
    assert error.remedy.startswith("Install the version")


def test_weights_of_a_known_kind_that_do_not_fit_it_are_refused() -> None:
    with pytest.raises(ArtifactError, match="model weights"):
        open_model(replace(VAE.initialised(SPEC, 0).to_weights(), state={}))


def test_a_new_model_is_for_examples_of_its_shape_and_depends_on_the_seed() -> None:
    one, same, other = (new_model("auto", IMAGES, seed) for seed in (0, 0, 1))
    x = torch.zeros(2, 3, 8, 8)
    assert one.decode(one.encode(x).mean).shape == x.shape
    assert one.to_weights().digest == same.to_weights().digest != other.to_weights().digest


def test_a_preset_for_other_images_is_refused() -> None:
    with pytest.raises(ConfigError, match="preset digits"):
        new_model("digits", IMAGES, 0)


def test_a_new_model_of_sequences_knows_their_tokens_and_depends_on_the_seed() -> None:
    one, same, other = (new_model("auto", SEQUENCES, seed) for seed in (0, 0, 1))
    assert isinstance(one, SequenceVAE)
    assert one.vocabulary.tolist() == [5, 9]
    assert one.to_weights().digest == same.to_weights().digest != other.to_weights().digest
    assert new_model("tokens", SEQUENCES, 0, latent_dim=3).latent_shape == (3,)


@pytest.mark.parametrize(
    ("preset", "examples", "says"),
    [
        ("digits", SEQUENCES, "sequences of tokens"),
        ("tokens", IMAGES, "pictures"),
        ("grey32", SEQUENCES, "auto, tokens"),
    ],
)
def test_a_preset_for_another_kind_of_examples_is_refused(preset: str, examples: torch.Tensor, says: str) -> None:
    with pytest.raises(ConfigError, match=f"preset {preset}") as caught:
        new_model(preset, examples, 0)
    assert says in str(caught.value)


def test_sequences_have_no_noise_inputs() -> None:
    with pytest.raises(ConfigError, match="noise_inputs=true"):
        new_model("auto", SEQUENCES, 0, noise_inputs=True)


def test_there_is_no_new_model_for_what_is_no_image() -> None:
    with pytest.raises(ConfigError) as caught:
        new_model("auto", torch.zeros(1, 64), 0)
    assert (caught.value.what, caught.value.found) == ("preset auto", "examples of the shape (64,)")
    assert "images" in caught.value.expected
    assert "train_run" in caught.value.remedy


def test_a_model_that_can_be_trained_is_returned_as_it_is() -> None:
    model = VAE.initialised(SPEC, 0)
    assert trainable(model) is model
    assert is_trainable(model.to_weights())


def test_a_model_that_can_not_be_trained_is_refused_with_what_it_is_good_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(AUTOENCODERS, LINEAR.kind, LinearAutoencoder)
    with pytest.raises(ArtifactError) as caught:
        trainable(open_model(LINEAR.to_weights()))
    error = caught.value
    assert error.what == "the model to train"
    assert error.found == "a model of the kind linear, which can only encode and decode"
    assert "can train" in error.expected
    assert "augment with this model" in error.remedy


def test_weights_of_a_kind_that_only_encodes_or_is_unknown_are_not_trainable(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_trainable(LINEAR.to_weights())
    monkeypatch.setitem(AUTOENCODERS, LINEAR.kind, LinearAutoencoder)
    assert not is_trainable(LINEAR.to_weights())
