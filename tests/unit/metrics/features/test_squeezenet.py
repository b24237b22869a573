import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from sklearn.datasets import load_sample_image
from torch import Tensor
from torchvision.models import SqueezeNet1_0_Weights, squeezenet1_0

from lds_mlflow.errors import ArtifactError
from lds_mlflow.metrics.features import squeezenet
from lds_mlflow.metrics.features.resizing import resize_images
from lds_mlflow.metrics.features.squeezenet import SqueezeNetExtractor
from lds_mlflow.models.pretrained import Convention
from tests.places import SHARED

REAL = SHARED / "data" / "weights" / "squeezenet1_0-imagenet-caffe.safetensors"
CONVENTIONS: tuple[Convention, ...] = ("caffe", "torchvision")


def _images(n: int, channels: int = 3, side: int = 32) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (n, channels, side, side), generator=generator, dtype=torch.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights at random, in half precision, as weights.safetensors and weights.pth."""
    folder = tmp_path_factory.mktemp("weights")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        state = {name: tensor.half() for name, tensor in squeezenet1_0().state_dict().items()}
    save_file(state, folder / "weights.safetensors")
    torch.save(state, folder / "weights.pth")
    return folder


@pytest.fixture(scope="module", params=CONVENTIONS)
def extractor(request: pytest.FixtureRequest, folder: Path) -> SqueezeNetExtractor:
    return SqueezeNetExtractor(folder / "weights.safetensors", convention=request.param)


@pytest.fixture(scope="module")
def caffe(folder: Path) -> SqueezeNetExtractor:
    return SqueezeNetExtractor(folder / "weights.safetensors")


def test_an_image_has_512_features(extractor: SqueezeNetExtractor) -> None:
    found = extractor.features(_images(2))
    assert (found.shape, found.dtype) == ((2, 512), torch.float32)
    assert found.isfinite().all()
    assert not torch.allclose(found[0], found[1])


@torch.inference_mode()
def test_caffe_s_convention_is_bgr_less_the_mean_at_227_pixels(caffe: SqueezeNetExtractor) -> None:
    assert caffe.resize == "bicubic, antialiased, to 227x227, rounded to 8 bits"
    red, green, blue = resize_images(_images(2), 227).float().unbind(1)
    maps = caffe.model.features(torch.stack([blue - 104, green - 117, red - 123], dim=1))
    torch.testing.assert_close(caffe.features(_images(2)), maps.mean((2, 3)), rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_torchvision_s_convention_is_its_own_preset(folder: Path) -> None:
    extractor = SqueezeNetExtractor(folder / "weights.pth", convention="torchvision")
    assert extractor.resize == "bicubic, antialiased, to 224x224, rounded to 8 bits"
    images = _images(2, side=224)
    preset = SqueezeNet1_0_Weights.IMAGENET1K_V1.transforms(resize_size=224)
    maps = extractor.model.features(preset(images))
    torch.testing.assert_close(extractor.features(images), maps.mean((2, 3)), rtol=1e-4, atol=1e-5)


def test_a_grey_image_is_the_colour_image_of_equal_channels(extractor: SqueezeNetExtractor) -> None:
    grey = _images(2, channels=1)
    assert torch.equal(extractor.features(grey), extractor.features(grey.repeat(1, 3, 1, 1)))


def test_neither_order_nor_batch_matters(extractor: SqueezeNetExtractor, monkeypatch: pytest.MonkeyPatch) -> None:
    images = _images(3)
    whole = extractor.features(images)
    monkeypatch.setattr(squeezenet, "_BATCH", 2)
    torch.testing.assert_close(extractor.features(images.flip(0)).flip(0), whole, rtol=1e-4, atol=1e-4)


def test_both_forms_of_the_file_give_one_extractor(caffe: SqueezeNetExtractor, folder: Path) -> None:
    other = SqueezeNetExtractor(folder / "weights.pth")
    assert other.name == caffe.name
    assert torch.equal(other.features(_images(1)), caffe.features(_images(1)))


def test_the_name_follows_weights_and_convention(caffe: SqueezeNetExtractor, folder: Path) -> None:
    assert caffe.name.startswith("squeezenet-")
    names = {caffe.name, SqueezeNetExtractor(folder / "weights.pth", convention="torchvision").name}
    changed = load_file(folder / "weights.safetensors")
    changed["features.0.bias"] += 1
    save_file(changed, folder / "changed.safetensors")
    names.add(SqueezeNetExtractor(folder / "changed.safetensors").name)
    assert len(names) == 3


def test_loading_draws_no_random_numbers(folder: Path) -> None:
    before = torch.get_rng_state()
    SqueezeNetExtractor(folder / "weights.safetensors")
    assert torch.equal(torch.get_rng_state(), before)


def _refusal(weights: Path) -> ArtifactError:
    with pytest.raises(ArtifactError) as caught:
        SqueezeNetExtractor(weights)
    assert caught.value.what == "SqueezeNet weights"
    assert caught.value.found.startswith(f"{weights}: ")
    assert "feature_weights=PATH" in caught.value.remedy
    return caught.value


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_missing_file_is_named(tmp_path: Path, suffix: str) -> None:
    assert "No such file" in _refusal(tmp_path / f"nowhere{suffix}").found


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    save_file({"layer.weight": torch.zeros(3)}, tmp_path / "other.safetensors")
    assert "Missing key" in _refusal(tmp_path / "other.safetensors").found


def test_weights_of_another_width_are_refused(folder: Path, tmp_path: Path) -> None:
    state = load_file(folder / "weights.safetensors")
    save_file({**state, "features.0.weight": torch.zeros(64, 3, 7, 7)}, tmp_path / "narrow.safetensors")
    assert "size mismatch for features.0.weight" in _refusal(tmp_path / "narrow.safetensors").found


def test_a_table_of_something_else_is_refused(tmp_path: Path) -> None:
    torch.save({"epoch": 3}, tmp_path / "odd.pth")
    assert "not a table of tensors" in _refusal(tmp_path / "odd.pth").found


def test_a_pickle_is_refused(tmp_path: Path) -> None:
    (tmp_path / "evil.pth").write_bytes(pickle.dumps({"weight": Path("anything")}))
    assert "not a file of tensors only" in _refusal(tmp_path / "evil.pth").found


@torch.inference_mode()
def _classes_of_a_temple(convention: Convention) -> Tensor:
    """The chances that ImageNet's classes have by their features, for a photograph of a Chinese temple."""
    extractor = SqueezeNetExtractor(REAL, convention=convention)
    photograph = torch.tensor(load_sample_image("china.jpg")).permute(2, 0, 1)[None, :, :427, 100:527]
    features = extractor.features(photograph)
    chances: Tensor = extractor.model.classifier[1](features[:, :, None, None]).flatten().softmax(0)
    return chances


@pytest.mark.skipif(not REAL.is_file(), reason=f"{REAL.name} is not at hand")
def test_real_weights_see_a_temple_in_their_own_convention_alone() -> None:
    names = SqueezeNet1_0_Weights.IMAGENET1K_V1.meta["categories"]
    chances = _classes_of_a_temple("caffe")
    assert {"monastery", "palace"} < {names[i] for i in chances.topk(5).indices}
    assert chances.max() > 0.3
    assert _classes_of_a_temple("torchvision").max() < 0.05
