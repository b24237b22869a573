import contextlib
import pickle
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch_fidelity import feature_extractor_inceptionv3 as torch_fidelity_inception
from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x

from lds_mlflow.errors import ArtifactError
from lds_mlflow.metrics.features import network as network_module
from lds_mlflow.metrics.features.inception import InceptionExtractor
from lds_mlflow.metrics.features.resizing import resize_images

SUFFIXES = (".pth", ".safetensors")


def _images(n: int, channels: int = 3, side: int = 16) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (n, channels, side, side), generator=generator, dtype=torch.uint8)


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    """Weights at random for torch-fidelity's Inception, with a scale that survives its depth."""
    network = torch_fidelity_inception.FeatureExtractorInceptionV3
    with pytest.MonkeyPatch.context() as patch, torch.random.fork_rng():
        patch.setattr(torch_fidelity_inception, "load_state_dict_from_url", lambda *args, **kwargs: {})
        patch.setattr(network, "load_state_dict", lambda *args, **kwargs: None)
        torch.manual_seed(0)
        model = network("inception-v3-compat", ["2048"])
        for module in model.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    weights: dict[str, Tensor] = model.state_dict()
    return weights


@pytest.fixture(scope="module")
def folder(state: dict[str, Tensor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The random weights as inception.pth and inception.safetensors."""
    folder = tmp_path_factory.mktemp("weights")
    torch.save(state, folder / "inception.pth")
    save_file(state, folder / "inception.safetensors")
    return folder


@pytest.fixture(scope="module")
def inception(folder: Path) -> Iterator[InceptionExtractor]:
    with pytest.MonkeyPatch.context() as patch:
        # Weights in a file are all that it may use.
        patch.setattr(torch_fidelity_inception, "load_state_dict_from_url", _no_network)
        yield InceptionExtractor(folder / "inception.pth")


def _no_network(*args: object, **kwargs: object) -> dict[str, Tensor]:
    raise URLError("Name or service not known")


def _refusal(weights: Path | None) -> ArtifactError:
    with pytest.raises(ArtifactError) as caught:
        InceptionExtractor(weights)
    assert caught.value.what == "Inception weights"
    assert "feature_weights=PATH" in caught.value.remedy
    assert "features=classifier" in caught.value.remedy
    assert str(weights or "no local file") in caught.value.found
    return caught.value


def test_inception_gives_2048_features_an_image(inception: InceptionExtractor) -> None:
    found = inception.features(_images(2))
    assert (found.shape, found.dtype) == ((2, 2048), torch.float32)
    assert found.isfinite().all()
    assert not torch.allclose(found[0], found[1])


def _has_weights(extractor: InceptionExtractor, state: dict[str, Tensor]) -> bool:
    loaded = extractor.model.state_dict()
    return all(torch.equal(loaded[name], tensor) for name, tensor in state.items())


def test_inception_takes_the_weights_of_the_file(inception: InceptionExtractor, state: dict[str, Tensor]) -> None:
    assert _has_weights(inception, state)


def test_both_forms_of_the_file_give_the_same_features(inception: InceptionExtractor, folder: Path) -> None:
    other = InceptionExtractor(folder / "inception.safetensors")
    assert torch.equal(other.features(_images(2)), inception.features(_images(2)))


def test_a_grey_image_is_the_colour_image_of_equal_channels(inception: InceptionExtractor) -> None:
    grey = _images(2, channels=1)
    assert torch.equal(inception.features(grey), inception.features(grey.repeat(1, 3, 1, 1)))


def test_neither_order_nor_batch_matters_to_inception(
    inception: InceptionExtractor, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = _images(3)
    whole = inception.features(images)
    monkeypatch.setattr(network_module, "_BATCH", 2)
    torch.testing.assert_close(inception.features(images.flip(0)).flip(0), whole, rtol=1e-4, atol=1e-5)


def test_inception_sees_antialiased_images_whatever_their_size(inception: InceptionExtractor) -> None:
    assert inception.resize == "bicubic, antialiased, to 299x299, rounded to 8 bits"
    large = _images(1, side=600)
    with torch.inference_mode():
        network = inception.model(resize_images(large, 299))[0]
        aliased = inception.model(large)[0]
    assert torch.equal(inception.features(large), network)
    assert not torch.allclose(network, aliased, rtol=0.05)


def test_the_network_s_own_resize_changes_nothing_at_299_pixels() -> None:
    images = _images(1, side=299).float()
    assert torch.equal(interpolate_bilinear_2d_like_tensorflow1x(images, (299, 299), align_corners=False), images)


def test_inception_s_name_follows_its_weights(inception: InceptionExtractor, folder: Path) -> None:
    assert inception.name.startswith("inception-v3-")
    assert InceptionExtractor(folder / "inception.safetensors").name == inception.name
    changed = {name: tensor + 1 for name, tensor in load_file(folder / "inception.safetensors").items()}
    save_file(changed, folder / "changed.safetensors")
    assert InceptionExtractor(folder / "changed.safetensors").name != inception.name


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_missing_weights_are_named(tmp_path: Path, suffix: str) -> None:
    error = _refusal(tmp_path / f"nowhere{suffix}")
    assert "No such file" in error.found


def test_downloaded_weights_have_the_name_of_the_same_weights_in_a_file(
    state: dict[str, Tensor], inception: InceptionExtractor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch_fidelity_inception, "load_state_dict_from_url", lambda *args, **kwargs: state)
    downloaded = InceptionExtractor(None)
    assert downloaded.name == inception.name
    assert _has_weights(downloaded, state)


def test_without_a_network_the_download_fails_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_fidelity_inception, "load_state_dict_from_url", _no_network)
    assert "Name or service not known" in _refusal(None).found


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_truncated_file_of_weights_is_refused(folder: Path, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"half{suffix}"
    path.write_bytes((folder / f"inception{suffix}").read_bytes()[:100_000])
    assert len(_refusal(path).found) > len(str(path)) + 5


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_weights_of_another_network_are_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"other{suffix}"
    tensors = {"layer.weight": torch.zeros(3)}
    save_file(tensors, path) if suffix == ".safetensors" else torch.save(tensors, path)
    _refusal(path)


@pytest.mark.parametrize("content", [torch.zeros(3), {"state": 1}], ids=["tensor", "number"])
def test_a_file_that_is_no_table_of_tensors_is_refused(tmp_path: Path, content: object) -> None:
    path = tmp_path / "odd.pth"
    torch.save(content, path)
    _refusal(path)


class _Payload:
    """Writes a file when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.target,)


@pytest.mark.parametrize("form", ["torch.save", "pickle"])
def test_a_malicious_pickle_is_refused_without_being_executed(tmp_path: Path, form: str) -> None:
    weights, target = tmp_path / "evil.pth", tmp_path / "owned"
    if form == "pickle":
        weights.write_bytes(pickle.dumps({"weight": _Payload(target)}))
    else:
        torch.save({"weight": _Payload(target)}, weights)
    assert "tensors" in _refusal(weights).found
    assert not target.exists()
    # Read without care, the same file does what it is there for.
    with contextlib.suppress(RuntimeError):
        torch.load(weights, weights_only=False)
    assert target.exists()
