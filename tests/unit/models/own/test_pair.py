from dataclasses import replace

import pytest
import torch

from lds_mlflow.errors import ArtifactError
from lds_mlflow.models import Codec, Mixture, open_model
from lds_mlflow.models.own.facts import Facts
from lds_mlflow.models.own.pair import ExportedPair, pair_weights
from tests.own import FACTS, noisy_weights, programs
from tests.tiny import random_images


@pytest.fixture(scope="module")
def pair() -> ExportedPair:
    opened = open_model(pair_weights(FACTS, *programs()))
    assert isinstance(opened, ExportedPair)
    return opened


def test_a_pair_is_an_autoencoder_of_its_own_kind(pair: ExportedPair) -> None:
    codec, images = Codec(pair), random_images(5)
    posterior = codec.encode(images)
    assert posterior.mean.shape == (5, 64)
    assert posterior.log_variance is not None
    assert (posterior.log_variance == -4).all()
    assert torch.equal(codec.decode(posterior.mean), images)
    assert pair.n_parameters == 64 * 64


def test_the_range_of_values_is_the_generator_s_own(pair: ExportedPair) -> None:
    x = torch.full((1, *FACTS.example_shape), 0.5)
    for bounds, value in (((0.0, 1.0), 0.75), ((0.0, 255.0), 191.25)):
        other = pair.with_facts(replace(FACTS, value_range=bounds))
        assert other.encode(x).mean.unique().item() == pytest.approx(value)
        torch.testing.assert_close(other.decode(other.encode(x).mean), x)


def test_its_weights_are_the_contents_of_its_files(pair: ExportedPair) -> None:
    weights = pair.to_weights()
    assert weights.kind == "exported"
    assert (pair.content("encoder"), pair.content("decoder")) == programs()
    assert weights.digest == pair_weights(FACTS, *programs()).digest


def test_a_program_stays_open_and_is_not_opened_again(pair: ExportedPair) -> None:
    again = ExportedPair(pair.to_weights())
    assert again.encoder.module is pair.encoder.module
    assert again.decoder.module is pair.decoder.module


def test_a_prior_may_be_a_mixture(pair: ExportedPair) -> None:
    assert pair.prior_mixture() is None
    prior = Mixture(torch.randn(3, 64), torch.zeros(3, 64))
    found = ExportedPair(pair_weights(FACTS, *programs(), prior)).prior_mixture()
    assert found is not None
    assert torch.equal(found.mean_KD, prior.mean_KD)


def test_it_is_opened_again_on_another_device(pair: ExportedPair, monkeypatch: pytest.MonkeyPatch) -> None:
    other = ExportedPair(pair.to_weights())
    opened: list[torch.device] = []
    monkeypatch.setattr(other, "_open", opened.append)
    other.to("cpu")
    assert opened == []
    other.to("meta")
    assert opened == [torch.device("meta")]


@pytest.mark.parametrize(
    ("facts", "what"),
    [
        (replace(FACTS, latent_shape=(32, 2)), "the encoder"),
        (replace(FACTS, example_shape=(1, 4, 16)), "the decoder"),
    ],
)
def test_another_shape_than_the_facts_say_is_named(pair: ExportedPair, facts: Facts, what: str) -> None:
    other = pair.with_facts(facts)
    with pytest.raises(ArtifactError, match=what):
        other.encode(torch.zeros(1, 1, 8, 8)) if what == "the encoder" else other.decode(torch.zeros(1, 64))


def test_a_file_that_is_no_program_is_refused() -> None:
    with pytest.raises(ArtifactError, match="the decoder of somebody's: found no archive"):
        ExportedPair(pair_weights(FACTS, programs()[0], b"\x80\x04K\x01."))


def test_a_decoder_that_takes_noise_is_a_function_of_the_latent_and_a_seed() -> None:
    z_SD = torch.randn(9, 64, generator=torch.Generator().manual_seed(0))
    one, again, other = (ExportedPair(noisy_weights(seed)) for seed in (0, 0, 1))
    decoded = Codec(one).decode(z_SD)
    assert torch.equal(decoded, Codec(again).decode(z_SD))
    # Bit for bit, whatever is decoded with it.
    assert torch.equal(decoded[4:6], Codec(one).decode(z_SD[4:6]))
    assert not torch.equal(decoded, Codec(other).decode(z_SD))
    noise = one.decode(z_SD) - ExportedPair(pair_weights(FACTS, *programs())).decode(z_SD)
    assert noise.std().item() == pytest.approx(0.1, rel=0.1)
    assert one.n_parameters == 64 * 64


def test_a_decoder_that_takes_noise_which_nothing_is_said_of_is_refused() -> None:
    weights = noisy_weights()
    silent = pair_weights(FACTS, programs()[0], weights.state["decoder"].numpy().tobytes())
    with pytest.raises(ArtifactError, match="noise_shape too"):
        ExportedPair(silent).decode(torch.zeros(1, 64))
