from pathlib import Path
from types import SimpleNamespace
from urllib.error import URLError

import pytest
import torch
from safetensors.torch import save_file
from sklearn.datasets import load_sample_image
from torch import nn
from torch_fidelity.sample_similarity_lpips import SampleSimilarityLPIPS
from torchvision.models import squeezenet1_0
from torchvision.models.vgg import cfgs, make_layers

from lds_mlflow.errors import ArtifactError
from lds_mlflow.training import perceptual_networks
from lds_mlflow.training.perceptual import perceptual_distance
from tests.places import SHARED

REAL = SHARED / "data" / "weights" / "squeezenet1_0-imagenet-caffe.safetensors"


def test_weights_of_the_network_are_not_trained(tmp_path: Path) -> None:
    save_file(squeezenet1_0().state_dict(), tmp_path / "squeezenet.safetensors")
    distance = perceptual_distance("squeezenet", resolution=32, weights=tmp_path / "squeezenet.safetensors")
    assert distance is not None
    assert not any(parameter.requires_grad for parameter in distance.parameters())


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

    monkeypatch.setattr(perceptual_networks, "SampleSimilarityLPIPS", away)
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
