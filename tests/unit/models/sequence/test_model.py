from dataclasses import replace
from math import log
from typing import Any

import pytest
import torch

from lds_mlflow.errors import ArtifactError, ConfigError
from lds_mlflow.models import open_model, trainable
from lds_mlflow.models.sequence import SequenceSpec, SequenceVAE

SPEC = SequenceSpec(n_tokens=3, length=6, embedding=4, encoder_width=6, decoder_width=8, latent_dim=2)
VOCABULARY = torch.tensor([11, 22, 33])
X = torch.tensor([[11, 22, 33, 0, 0, 0], [22, 22, 0, 0, 0, 0]])


@pytest.fixture
def model() -> SequenceVAE:
    return SequenceVAE.initialised(SPEC, VOCABULARY, 0)


def test_weights_come_back_as_the_same_model_which_knows_its_tokens(model: SequenceVAE) -> None:
    opened = trainable(open_model(model.to_weights()))
    assert isinstance(opened, SequenceVAE)
    assert opened.to_weights().digest == model.to_weights().digest
    assert torch.equal(opened.vocabulary, VOCABULARY)
    assert torch.equal(opened.encode(X).mean, model.encode(X).mean)


@pytest.mark.parametrize("changes", [{"spec": {"n_tokens": 3}}, {"state": {}}, {"spec": {"length": "long"}}])
def test_weights_that_do_not_fit_are_refused(model: SequenceVAE, changes: dict[str, Any]) -> None:
    with pytest.raises(ArtifactError, match="model weights"):
        SequenceVAE.from_weights(replace(model.to_weights(), **changes))


def test_the_weights_depend_on_the_seed_and_leave_the_global_random_state(model: SequenceVAE) -> None:
    before = torch.get_rng_state()
    assert SequenceVAE.initialised(SPEC, VOCABULARY, 0).to_weights().digest == model.to_weights().digest
    assert SequenceVAE.initialised(SPEC, VOCABULARY, 1).to_weights().digest != model.to_weights().digest
    assert torch.equal(torch.get_rng_state(), before)


def test_the_tokens_of_training_examples_are_its_vocabulary() -> None:
    model = SequenceVAE.for_examples("auto", X, 0)
    assert model.vocabulary.tolist() == [11, 22, 33]
    assert model.spec.length == X.shape[1]
    assert set(model.decode(torch.randn(50, 128)).unique().tolist()) <= {0, 11, 22, 33}


def test_a_token_that_it_does_not_know_is_another_than_all_that_it_knows(model: SequenceVAE) -> None:
    unknown, known = X.clone(), X.clone()
    unknown[1, 1], known[1, 1] = 99, 33
    latents = [model.encode(x).mean[1] for x in (X, unknown, known)]
    assert not torch.allclose(latents[0], latents[1])
    assert not torch.allclose(latents[1], latents[2])
    y, _, _ = model(unknown, torch.zeros(2, 2))
    assert model.reconstruction(unknown, y).nll.isfinite()


def test_the_reconstruction_is_the_cross_entropy_of_all_tokens_and_ends(model: SequenceVAE) -> None:
    same = torch.zeros(2, 6, 5)
    assert model.reconstruction(X, same).nll.item() == pytest.approx((4 + 3) / 2 * log(5), rel=1e-6)
    right = torch.nn.functional.one_hot(torch.tensor([[1, 2, 3, 0, 0, 0], [2, 1, 0, 0, 0, 0]]), 5) * 100.0
    assert model.reconstruction(X, right).figures["token_accuracy"].item() == pytest.approx(6 / 7)


def test_it_is_diagnosed_at_the_posterior_means(model: SequenceVAE) -> None:
    y, z, posterior = model(X, torch.zeros(2, 2))
    assert torch.equal(z, posterior.mean)
    assert model.diagnose(X) == model.reconstruction(X, y).figures


def test_a_few_steps_teach_it_a_sequence(model: SequenceVAE) -> None:
    optimizer = torch.optim.Adam(model.parameters(), 0.03)
    for _ in range(60):
        y, _, _ = model(X, torch.zeros(2, 2))
        optimizer.zero_grad()
        model.reconstruction(X, y).nll.backward()
        optimizer.step()
    assert torch.equal(model.decode(model.encode(X).mean), X)


def test_a_frozen_encoder_stays_and_the_decoder_does_not(model: SequenceVAE) -> None:
    model.freeze_encoder()
    learning = {name.partition(".")[0] for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert learning == {"decoder"}


def test_what_it_does_not_have_is_refused_in_a_sentence(model: SequenceVAE) -> None:
    with pytest.raises(ConfigError, match="recipe=sequence"):
        model.new_discriminator()
    with pytest.raises(ConfigError, match="the only prior that it has"):
        model.with_prior("vamp", exemplars=3, pseudo_inputs=X)


def test_random_features_tell_the_order_of_tokens(model: SequenceVAE) -> None:
    features = model.random_features()
    one, other = features(X[:1]), features(X[:1, [1, 0, 2, 3, 4, 5]])
    assert one.shape == other.shape
    assert not torch.allclose(one, other)
    padded = torch.nn.functional.pad(X[:1], (0, 4))
    torch.testing.assert_close(features(padded), one)
