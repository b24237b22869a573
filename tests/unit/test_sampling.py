import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lds_mlflow import sampling
from lds_mlflow.sampling import decode_latents, encode_images, latents_of_seeds, pixels_of, to_model_range
from lds_mlflow.vae import PRESETS, VAE, VaeSpec

TINY = VaeSpec(8, 1, channel_base=64, channel_max=8, latent_dim=4, style_dim=8, mapping_layers=1)


@pytest.fixture
def model() -> VAE:
    return VAE.initialised(TINY, 0).eval()


def _images(n: int) -> Tensor:
    return torch.randint(256, (n, 1, 8, 8), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


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


@settings(max_examples=25, deadline=None)
@given(seeds=st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=6), data=st.data())
def test_a_seed_gives_its_latent_in_any_order_and_any_company(seeds: list[int], data: st.DataObject) -> None:
    alone = {seed: latents_of_seeds([seed], 5)[0] for seed in seeds}
    order = data.draw(st.permutations(seeds))
    for seed, z in zip(order, latents_of_seeds(order, 5), strict=True):
        assert torch.equal(z, alone[seed])


def test_seeds_give_different_latents() -> None:
    z = latents_of_seeds(list(range(50)), 4)
    assert len(z.unique(dim=0)) == 50


def test_latents_are_standard_normal() -> None:
    z = latents_of_seeds(list(range(2000)), 8)
    # 5 standard errors of a mean and of a standard deviation over 16,000 draws.
    assert abs(z.mean().item()) < 0.04
    assert abs(z.std().item() - 1) < 0.03


def test_neighbouring_seeds_are_unrelated() -> None:
    z = latents_of_seeds(list(range(2000)), 8)
    correlation = (z[:-1] * z[1:]).mean().item()
    assert abs(correlation) < 0.04


@pytest.mark.parametrize("truncation", [0.5, 2.0])
def test_truncation_scales_the_latents(truncation: float) -> None:
    torch.testing.assert_close(
        latents_of_seeds([3, 4], 5, truncation=truncation), truncation * latents_of_seeds([3, 4], 5)
    )


def test_drawing_leaves_the_global_randomness_alone() -> None:
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    latents_of_seeds([1, 2], 4)
    assert torch.equal(torch.rand(3), wanted)


def test_decoded_latents_are_the_models_images_as_bytes(model: VAE) -> None:
    z = latents_of_seeds([0, 1, 2], 4)
    images = decode_latents(model, z)
    assert images.dtype == torch.uint8
    assert images.shape == (3, 1, 8, 8)
    assert torch.equal(images, pixels_of(model.decode(z).detach()))


def test_encoded_images_are_the_models_posterior(model: VAE) -> None:
    images = _images(3)
    mean, log_variance = encode_images(model, images)
    with torch.no_grad():
        posterior = model.encode(to_model_range(images))
    assert torch.equal(mean, posterior.mean)
    assert torch.equal(log_variance, posterior.log_variance)


@pytest.mark.parametrize("batch", [1, 2, 5, 100])
def test_the_batch_has_no_say_in_what_is_encoded(model: VAE, monkeypatch: pytest.MonkeyPatch, batch: int) -> None:
    mean, log_variance = encode_images(model, _images(5))
    monkeypatch.setattr(sampling, "_BATCH", batch)
    torch.testing.assert_close(encode_images(model, _images(5)), (mean, log_variance), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("preset", sorted(PRESETS.keys() - {"paper256"}))
def test_one_seed_is_one_image_whatever_else_is_drawn_with_it(preset: str) -> None:
    model = VAE.initialised(PRESETS[preset], 0).eval()
    z = latents_of_seeds(list(range(8)), model.spec.latent_dim)
    alone = torch.cat([decode_latents(model, one) for one in z.split(1)])
    assert torch.equal(decode_latents(model, z), alone)
    assert torch.equal(decode_latents(model, z[:3]), alone[:3])


def test_nothing_that_is_drawn_or_encoded_holds_a_graph(model: VAE) -> None:
    assert not decode_latents(model, torch.zeros(1, 4)).requires_grad
    assert not encode_images(model, _images(1))[0].requires_grad
