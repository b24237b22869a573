from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torchvision.models import squeezenet1_0

from lds_mlflow.errors import ConfigError
from lds_mlflow.models.stylegan.resampling import downsample, upsample
from lds_mlflow.training.perceptual import Laplacian, perceptual_distance


def _pair(channels: int = 3, side: int = 32) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    x, y = torch.rand(2, 1, channels, side, side, generator=generator) * 2 - 1
    return x, y


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "squeezenet.safetensors"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        save_file(squeezenet1_0().state_dict(), path)
    return path


@pytest.mark.parametrize("kind", ["laplacian", "squeezenet", "squeezenet-caffe"])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_distance_is_zero_of_the_same_positive_of_others_and_has_a_gradient(
    kind: str, channels: int, weights: Path
) -> None:
    distance = perceptual_distance(kind, resolution=32, weights=None if kind == "laplacian" else weights)
    assert distance is not None
    x, y = _pair(channels)
    assert distance(x, x).item() == pytest.approx(0, abs=1e-6)
    y = y.requires_grad_()
    found = distance(x, y)
    assert (found.shape, found.item() > 0) == ((), True)
    found.backward()
    assert y.grad is not None
    assert y.grad.abs().sum() > 0


@pytest.mark.parametrize("side", [8, 64])
def test_the_bands_of_the_pyramid_are_those_of_both_images(side: int) -> None:
    x, y = _pair(1, side)
    total = torch.zeros(())
    while x.shape[-1] > 4:
        smaller = [downsample(image) for image in (x, y)]
        larger = [upsample(image) for image in smaller]
        total += ((x - larger[0]) - (y - larger[1])).abs().mean()
        x, y = smaller
    torch.testing.assert_close(Laplacian()(*_pair(1, side)), total + (x - y).abs().mean())


def test_none_is_none() -> None:
    assert perceptual_distance("none", resolution=8) is None


@pytest.mark.parametrize("kind", ["squeezenet", "lpips"])
def test_images_that_poolings_leave_nothing_of_are_refused(kind: str, weights: Path) -> None:
    with pytest.raises(ConfigError, match="16x16") as caught:
        perceptual_distance(kind, resolution=16, weights=weights)
    assert caught.value.remedy == "Give perceptual=none or laplacian."


def test_an_unknown_distance_is_told_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="laplacian") as caught:
        perceptual_distance("ssim", resolution=64)
    assert (caught.value.what, caught.value.found) == ("perceptual", "'ssim'")
