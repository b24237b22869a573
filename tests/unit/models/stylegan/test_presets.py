import pytest
import torch

from lds_mlflow.choices.presets import PRESETS
from lds_mlflow.errors import ConfigError
from lds_mlflow.models.stylegan import VAE, gaussian_nll, kl_divergence, spec_for, spec_of

SMALL = sorted(PRESETS.keys() - {"paper256"})


@pytest.mark.parametrize("preset", SMALL)
def test_a_preset_maps_images_to_latents_and_back(preset: str) -> None:
    spec = spec_of(preset)
    model = VAE.initialised(spec, 0).eval()
    x = torch.zeros(2, spec.channels, spec.resolution, spec.resolution)
    with torch.inference_mode():
        mean, log_variance = model.encode(x).moments
        assert mean.shape == log_variance.shape == (2, spec.latent_dim)
        assert model.decode(mean).shape == x.shape


def test_the_preset_of_the_draft_has_stylegan2s_size_and_learns_a_256_pixel_image() -> None:
    model = VAE.initialised(spec_of("paper256"), 0)
    assert 45e6 < sum(parameter.numel() for parameter in model.parameters()) < 52e6
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    before = model.decoder.constant.detach().clone()
    x = torch.rand(1, 3, 256, 256) * 2 - 1
    y, _, posterior = model(x, torch.randn(1, model.spec.latent_dim))
    loss = gaussian_nll(x, y) + kl_divergence(*posterior).mean()
    loss.backward()
    optimizer.step()
    assert y.shape == x.shape
    assert loss.isfinite()
    assert model.decoder.constant.isfinite().all()
    assert not torch.equal(model.decoder.constant, before)


@pytest.mark.parametrize("preset", sorted(PRESETS.keys() - {"faces64-small"}))
def test_a_preset_is_what_auto_takes_for_its_own_images(preset: str) -> None:
    spec = spec_of(preset)
    domain = PRESETS[preset].domain
    assert spec_for("auto", resolution=spec.resolution, channels=spec.channels, domain=domain) == spec
    assert spec_for(preset, resolution=spec.resolution, channels=spec.channels) == spec


@pytest.mark.parametrize(
    ("resolution", "channels", "like"),
    [(8, 3, "digits"), (16, 1, "grey32"), (16, 3, "colour32"), (64, 1, "faces64"), (128, 3, "paper256")],
)
def test_auto_takes_the_smallest_that_holds_the_images(resolution: int, channels: int, like: str) -> None:
    spec = spec_for("auto", resolution=resolution, channels=channels)
    assert (spec.resolution, spec.channels) == (resolution, channels)
    assert (spec.latent_dim, spec.channel_base) == (spec_of(like).latent_dim, spec_of(like).channel_base)


def test_auto_goes_on_beyond_the_largest_preset() -> None:
    spec = spec_for("auto", resolution=512, channels=3)
    assert (spec.resolution, spec.latent_dim) == (512, spec_of("paper256").latent_dim)
    assert min(spec.widths) > 0


@pytest.mark.parametrize(("resolution", "channels"), [(16, 1), (32, 3)])
def test_a_preset_for_other_images_is_refused_with_a_way_out(resolution: int, channels: int) -> None:
    with pytest.raises(ConfigError) as caught:
        spec_for("grey32", resolution=resolution, channels=channels)
    assert caught.value.what == "preset grey32"
    assert f"{resolution}x{resolution} with {channels}" in caught.value.found
    assert caught.value.expected == "32x32 with 1"
    assert "resolution=32 and channels=1, or preset=auto" in caught.value.remedy
