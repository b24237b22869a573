from typing import Self

import pytest
import torch

from lds_mlflow.choices.presets import PRESETS
from lds_mlflow.models import PIXELS, Codec, Posterior, codec
from lds_mlflow.models.stylegan import VAE, spec_of
from lds_mlflow.values import ModelWeights
from tests.tiny import SPEC, random_images


@pytest.fixture
def model() -> VAE:
    return VAE.initialised(SPEC, 0).eval()


def test_decoded_latents_are_the_models_images_as_bytes(model: VAE) -> None:
    z = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    images = Codec(model).decode(z)
    assert images.dtype == torch.uint8
    assert images.shape == (3, 1, 8, 8)
    assert torch.equal(images, PIXELS.from_model(model.decode(z).detach()))


def test_encoded_images_are_the_models_posterior(model: VAE) -> None:
    images = random_images(3)
    mean, log_variance = Codec(model).encode(images).moments
    with torch.no_grad():
        wanted = model.encode(PIXELS.to_model(images)).moments
    assert torch.equal(mean, wanted[0])
    assert torch.equal(log_variance, wanted[1])


@pytest.mark.parametrize("batch", [1, 2, 5, 100])
def test_the_batch_has_no_say_in_what_is_encoded(model: VAE, monkeypatch: pytest.MonkeyPatch, batch: int) -> None:
    mean, log_variance = Codec(model).encode(random_images(5))
    monkeypatch.setattr(codec, "_BATCH", batch)
    torch.testing.assert_close(Codec(model).encode(random_images(5)), (mean, log_variance), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("preset", sorted(PRESETS.keys() - {"paper256"}))
def test_one_seed_is_one_image_whatever_else_is_drawn_with_it(preset: str) -> None:
    model = VAE.initialised(spec_of(preset), 0).eval()
    z = torch.randn(18, model.spec.latent_dim, generator=torch.Generator().manual_seed(0))
    alone = torch.cat([Codec(model).decode(one) for one in z.split(1)])
    assert torch.equal(Codec(model).decode(z), alone)
    assert torch.equal(Codec(model).decode(z[:3]), alone[:3])


@pytest.mark.parametrize("n", [1, 7, 8, 30])
def test_a_gpu_decodes_in_one_large_shape(model: VAE, monkeypatch: pytest.MonkeyPatch, n: int) -> None:
    monkeypatch.setattr(codec, "rows_at_once", lambda device, on_a_cpu: 8)
    shapes: set[tuple[int, ...]] = set()

    def watched(z: torch.Tensor) -> torch.Tensor:
        shapes.add(tuple(z.shape))
        return VAE.decode(model, z)

    monkeypatch.setattr(model, "decode", watched)
    z = torch.randn(n, 4, generator=torch.Generator().manual_seed(0))
    found = Codec(model).decode(z)
    assert torch.equal(found, torch.cat([Codec(model).decode(one) for one in z.split(1)]))
    assert shapes == {(8, 4)}


def test_nothing_that_is_drawn_or_encoded_holds_a_graph(model: VAE) -> None:
    assert not Codec(model).decode(torch.zeros(1, 4)).requires_grad
    assert not Codec(model).encode(random_images(1))[0].requires_grad


def test_the_exemplars_of_a_model_are_the_means_of_its_training_images(model: VAE) -> None:
    images = random_images(5)
    with_exemplars = model.with_prior("exemplar", exemplars=3, pseudo_inputs=PIXELS.to_model(images[:1]))
    with_exemplars.renew_prior(lambda n: Codec(with_exemplars).encode(images[:n]).mean)
    assert torch.equal(with_exemplars.state_dict()["prior.exemplars"], Codec(model).encode(images[:3]).mean)
    model.renew_prior(lambda n: pytest.fail("this prior has no exemplars"))


class _Spatial:
    """An encoder without variance, whose latents are 2 x 2 pictures: every other pixel of an image of 4 x 4."""

    latent_shape = (1, 2, 2)
    decoded_at_once = 4
    device = torch.device("cpu")

    def to(self, device: torch.device | str) -> Self:
        return self

    def prior_mixture(self) -> None:
        return None

    @classmethod
    def from_weights(cls, weights: ModelWeights) -> Self:
        return cls()

    def to_weights(self) -> ModelWeights:
        return ModelWeights({}, {}, "spatial")

    def encode(self, x: torch.Tensor) -> Posterior:
        return Posterior(x[..., ::2, ::2])

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        assert z.shape[1:] == self.latent_shape
        return z.repeat_interleave(2, -1).repeat_interleave(2, -2)


def test_latents_of_any_shape_are_rows_for_the_other_rooms_and_get_their_shape_back() -> None:
    images = random_images(3)[..., ::2, ::2]
    spatial = Codec(_Spatial())
    posterior = spatial.encode(images)
    assert posterior.mean.shape == (3, 4)
    assert posterior.log_variance is None
    assert torch.equal(spatial.decode(posterior.mean)[..., ::2, ::2], images[..., ::2, ::2])
