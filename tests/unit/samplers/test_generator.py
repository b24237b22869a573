import pytest
import torch

from lds_mlflow.models import Codec
from lds_mlflow.models.stylegan import VAE
from lds_mlflow.samplers import Generator, draw_latents, prior_of, standard_normal
from tests.tiny import SPEC, random_images

MODEL = VAE.initialised(SPEC, 0).eval()
CODEC = Codec(MODEL)


def test_samples_are_the_decoded_latents_of_their_seeds() -> None:
    generator = Generator(CODEC, standard_normal(4))
    z_SD = generator.latents([3, 5])
    assert torch.equal(z_SD, draw_latents(generator.distribution, [3, 5]))
    assert torch.equal(generator.samples([3, 5]), CODEC.decode(z_SD))
    assert torch.equal(generator.samples([5])[0], generator.samples([3, 5])[1])


def test_truncation_draws_nearer_to_the_mean() -> None:
    generator = Generator(CODEC, standard_normal(4))
    torch.testing.assert_close(generator.latents([3], truncation=0.5), 0.5 * generator.latents([3]))


def test_a_distribution_of_other_latents_gives_no_samples() -> None:
    with pytest.raises(RuntimeError):
        Generator(CODEC, standard_normal(3)).samples([1])


def test_the_prior_of_a_model_is_its_own() -> None:
    assert torch.equal(draw_latents(prior_of(CODEC), [1]), draw_latents(standard_normal(4), [1]))
    model = MODEL.with_prior("exemplar", exemplars=6, pseudo_inputs=torch.zeros(1, 1, 8, 8))
    model.renew_prior(lambda n: Codec(MODEL).encode(random_images(n)).mean)
    prior = prior_of(Codec(model))
    assert not torch.equal(draw_latents(prior, [1]), draw_latents(standard_normal(4), [1]))
