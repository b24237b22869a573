"""VGG16 and CLIP with random weights, against torch-fidelity's own classes of the same weights."""

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch_fidelity import feature_extractor_clip, feature_extractor_vgg16
from torchvision.models import vgg16

from lds_mlflow.errors import ArtifactError
from lds_mlflow.metrics.features import vision
from lds_mlflow.metrics.features.vision import ClipExtractor, Vgg16Extractor
from tests.clip import clip_state
from tests.own import scripted


def _images(n: int, side: int, channels: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (n, channels, side, side), generator=generator, dtype=torch.uint8)


@pytest.fixture(scope="module")
def clip_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "clip.safetensors"
    save_file(clip_state(), path)
    return path


class _Text(nn.Module):
    """CLIP without its computations: what its file has, by name."""

    def __init__(self) -> None:
        super().__init__()
        self.text_projection = nn.Parameter(torch.zeros(8, 16))
        self.visual = feature_extractor_clip.VisionTransformer(32, 8, 64, 2, 1, 16)

    def forward(self, x: Tensor) -> Tensor:
        return x


def _openai_s() -> _Text:
    holder = _Text()
    holder.load_state_dict({name: tensor for name, tensor in clip_state().items() if name != "logit_scale"})
    return holder


@pytest.fixture(scope="module")
def openai_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file as OpenAI's are: TorchScript with the weights of `clip_file`."""
    path = tmp_path_factory.mktemp("openai") / "clip.pt"
    path.write_bytes(scripted(_openai_s()))
    return path


def test_clip_gives_the_embeddings_of_torch_fidelity(clip_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    extractor, images = ClipExtractor(clip_file), _images(3, 32)
    assert extractor.resize == "bicubic, antialiased, to 32x32, rounded to 8 bits"
    monkeypatch.setattr(torch.jit, "load", lambda path, map_location: _openai_s())
    theirs = feature_extractor_clip.FeatureExtractorCLIP("clip-vit-b-32", ["clip"], "clip.pt")
    found = extractor.features(images)
    assert found.shape == (3, 16)
    with torch.inference_mode():
        torch.testing.assert_close(found, theirs(images)[0])


def test_a_file_of_openai_s_is_read_as_tensors_are(clip_file: Path, openai_file: Path) -> None:
    one, other = ClipExtractor(clip_file), ClipExtractor(openai_file)
    assert one.name == other.name
    assert one.name.startswith("clip-")
    assert torch.equal(one.features(_images(2, 48, 1)), other.features(_images(2, 48, 1)))


def test_vgg16_gives_the_features_of_torch_fidelity(monkeypatch: pytest.MonkeyPatch) -> None:
    # Half a gigabyte of weights, which are a few numbers in memory.
    generator = torch.Generator().manual_seed(0)
    with torch.device("meta"):
        network = vgg16()
    state = {
        name: torch.randn(len(tensor), generator=generator).view(-1, *[1] * (tensor.ndim - 1)).expand(tensor.shape) / 50
        for name, tensor in network.state_dict().items()
    }
    monkeypatch.setattr(vision, "read_tensors", lambda path: state)
    monkeypatch.setattr("lds_mlflow.values.ModelWeights.digest", "0" * 64)
    found = Vgg16Extractor(Path("vgg16.pth")).features(_images(1, 224))
    network.load_state_dict(state, assign=True)
    monkeypatch.setattr(network, "load_state_dict", lambda state: None)
    monkeypatch.setattr(feature_extractor_vgg16.torchvision.models, "vgg16", lambda: network)
    monkeypatch.setattr(torch, "load", lambda *args, **kwargs: state)
    theirs = feature_extractor_vgg16.FeatureExtractorVGG16("vgg16", ["fc2_relu"], "vgg16.pth")
    with torch.inference_mode():
        torch.testing.assert_close(found, theirs(_images(1, 224))[0])
    assert found.shape == (1, 4096)
    assert found.any()


class _Touch:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return Path.touch, (self.target,)


@pytest.mark.parametrize("extractor", [ClipExtractor, Vgg16Extractor])
@pytest.mark.parametrize("name", ["evil.pt", "evil.pth", "evil.bin"])
def test_a_malicious_pickle_is_refused_without_being_executed(extractor: Any, name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(pickle.dumps({"visual.proj": _Touch(tmp_path / "owned")}))
    with pytest.raises(ArtifactError, match=r"weights: .*features=classifier"):
        extractor(tmp_path / name)
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("extractor", [ClipExtractor, Vgg16Extractor])
@pytest.mark.parametrize("tensors", [{"layer.weight": torch.zeros(3)}, {"visual.proj": torch.zeros(3, 4)}])
def test_weights_of_another_network_are_refused(extractor: Any, tensors: dict[str, Tensor], tmp_path: Path) -> None:
    save_file(tensors, tmp_path / "other.safetensors")
    with pytest.raises(ArtifactError, match=r"other\.safetensors"):
        extractor(tmp_path / "other.safetensors")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    for extractor in (ClipExtractor, Vgg16Extractor):
        with pytest.raises(ArtifactError, match="No such file"):
            extractor(tmp_path / "nowhere.pt")
