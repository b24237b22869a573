import pytest
import torch

from lds_mlflow.models import coding
from lds_mlflow.models.coding import decode_latents, encode_examples, keep_exemplars, pixels_of, to_model_range
from lds_mlflow.models.stylegan import PRESETS, VAE
from tests.tiny import SPEC, random_images


@pytest.fixture
def model() -> VAE:
    return VAE.initialised(SPEC, 0).eval()


def test_every_pixel_value_survives_the_way_to_the_model_and_back() -> None:
    values = torch.arange(256, dtype=torch.uint8)
    there = to_model_range(values)
    assert there.dtype == torch.float32
    assert [there.min().item(), there.max().item()] == [-1, 1]
    assert torch.equal(pixels_of(there), values)


def test_what_lies_outside_the_range_is_clipped() -> None:
    assert pixels_of(torch.tensor([-9.0, -1.001, 1.001, 9.0])).tolist() == [0, 0, 255, 255]


def test_pixels_are_rounded_to_the_nearest() -> None:
    assert pixels_of(to_model_range(torch.tensor(7, dtype=torch.uint8)) + 0.9 / 255).item() == 7
    assert pixels_of(to_model_range(torch.tensor(7, dtype=torch.uint8)) + 1.1 / 255).item() == 8


def test_decoded_latents_are_the_models_images_as_bytes(model: VAE) -> None:
    z = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    images = decode_latents(model, z)
    assert images.dtype == torch.uint8
    assert images.shape == (3, 1, 8, 8)
    assert torch.equal(images, pixels_of(model.decode(z).detach()))


def test_encoded_images_are_the_models_posterior(model: VAE) -> None:
    images = random_images(3)
    mean, log_variance = encode_examples(model, images)
    with torch.no_grad():
        posterior = model.encode(to_model_range(images))
    assert torch.equal(mean, posterior.mean)
    assert torch.equal(log_variance, posterior.log_variance)


@pytest.mark.parametrize("batch", [1, 2, 5, 100])
def test_the_batch_has_no_say_in_what_is_encoded(model: VAE, monkeypatch: pytest.MonkeyPatch, batch: int) -> None:
    mean, log_variance = encode_examples(model, random_images(5))
    monkeypatch.setattr(coding, "_BATCH", batch)
    torch.testing.assert_close(encode_examples(model, random_images(5)), (mean, log_variance), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("preset", sorted(PRESETS.keys() - {"paper256"}))
def test_one_seed_is_one_image_whatever_else_is_drawn_with_it(preset: str) -> None:
    model = VAE.initialised(PRESETS[preset], 0).eval()
    z = torch.randn(8, model.spec.latent_dim, generator=torch.Generator().manual_seed(0))
    alone = torch.cat([decode_latents(model, one) for one in z.split(1)])
    assert torch.equal(decode_latents(model, z), alone)
    assert torch.equal(decode_latents(model, z[:3]), alone[:3])


def test_nothing_that_is_drawn_or_encoded_holds_a_graph(model: VAE) -> None:
    assert not decode_latents(model, torch.zeros(1, 4)).requires_grad
    assert not encode_examples(model, random_images(1))[0].requires_grad


def test_the_exemplars_of_a_model_are_the_means_of_its_training_images(model: VAE) -> None:
    images = random_images(5)
    with_exemplars = model.with_prior("exemplar", exemplars=3, pseudo_inputs=to_model_range(images[:1]))
    keep_exemplars(with_exemplars, images)
    assert torch.equal(with_exemplars.state_dict()["prior.exemplars"], encode_examples(model, images[:3])[0])
    keep_exemplars(model, images)
