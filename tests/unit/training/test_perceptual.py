from pathlib import Path
from types import SimpleNamespace
from urllib.error import URLError

import pytest
import torch
from safetensors.torch import save_file
from sklearn.datasets import load_sample_image
from torch import Tensor, nn
from torch_fidelity.sample_similarity_lpips import SampleSimilarityLPIPS
from torchvision.models import squeezenet1_0
from torchvision.models.vgg import cfgs, make_layers

from lds_mlflow.errors import ArtifactError, ConfigError
from lds_mlflow.models.stylegan.resampling import downsample, upsample
from lds_mlflow.training import perceptual
from lds_mlflow.training.perceptual import Laplacian, perceptual_distance
from tests.places import SHARED

REAL = SHARED / "data" / "weights" / "squeezenet1_0-imagenet-caffe.safetensors"


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


def test_weights_of_the_network_are_not_trained(weights: Path) -> None:
    distance = perceptual_distance("squeezenet", resolution=32, weights=weights)
    assert distance is not None
    assert not any(parameter.requires_grad for parameter in distance.parameters())


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


def test_a_file_that_is_none_of_weights_is_named_with_the_parameter(tmp_path: Path) -> None:
    (tmp_path / "weights.pth").write_bytes(b"none")
    with pytest.raises(ArtifactError, match="perceptual_weights"):
        perceptual_distance("squeezenet", resolution=32, weights=tmp_path / "weights.pth")


@pytest.fixture
def lpips(monkeypatch: pytest.MonkeyPatch) -> nn.Module:
    """LPIPS with weights that were drawn."""
    torch.manual_seed(0)
    drawn = {f"lin{k}.model.1.weight": torch.rand(1, n, 1, 1) for k, n in enumerate((64, 128, 256, 512, 512))}
    monkeypatch.setattr(f"{SampleSimilarityLPIPS.__module__}.load_state_dict_from_url", lambda *args, **more: drawn)
    vgg = SimpleNamespace(features=make_layers(cfgs["D"], batch_norm=False))
    monkeypatch.setattr(f"{SampleSimilarityLPIPS.__module__}.torchvision_load_pretrained_vgg16", lambda: vgg)
    found = perceptual_distance("lpips", resolution=32)
    assert found is not None
    return found


def test_lpips_is_that_of_torch_fidelity(lpips: nn.Module) -> None:
    x, y = torch.rand(2, 3, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1
    network = lpips.get_submodule("network")
    torch.testing.assert_close(lpips(x, y), network((x + 1) * 127.5, (y + 1) * 127.5).mean(), rtol=1e-3, atol=1e-6)


def test_lpips_has_a_gradient_where_nothing_is_seen(lpips: nn.Module) -> None:
    first = lpips.get_submodule("network.net.slice1.0")
    assert isinstance(first, nn.Conv2d)
    assert first.bias is not None
    first.weight.zero_()
    first.bias.fill_(-1)
    y = torch.zeros(1, 3, 32, 32, requires_grad=True)
    lpips(torch.ones(1, 3, 32, 32), y).backward()
    assert y.grad is not None
    assert y.grad.isfinite().all()


def test_lpips_without_its_downloads_says_what_else_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(name: str) -> None:
        raise URLError("no route to host")

    monkeypatch.setattr(perceptual, "SampleSimilarityLPIPS", away)
    with pytest.raises(ArtifactError, match="laplacian") as caught:
        perceptual_distance("lpips", resolution=64)
    assert "no route to host" in caught.value.found


@pytest.mark.skipif(not REAL.is_file(), reason="squeezenet1_0-imagenet-caffe.safetensors is not at hand")
def test_with_real_weights_a_blurred_photograph_is_further_than_a_brighter_one() -> None:
    image = torch.from_numpy(load_sample_image("china.jpg").copy()).permute(2, 0, 1)[None, :, 100:356, 200:456]
    x = image.float() / 127.5 - 1
    blurred = torch.nn.functional.avg_pool2d(x, 5, 1, 2)
    brighter = x + (x - blurred).square().mean().sqrt()
    distance = perceptual_distance("squeezenet-caffe", resolution=256, weights=REAL)
    assert distance is not None
    assert distance(x, blurred) > 2 * distance(x, brighter)
