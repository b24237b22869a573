from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from lds_mlflow.errors import DiskFullError
from lds_mlflow.metrics.features.cache import CachedExtractor
from lds_mlflow.metrics.features.scaled import ScaledExtractor
from tests.conftest import little_room


class CountingExtractor:
    """An extractor whose features are the pixels, and which counts how often it is asked."""

    def __init__(self, name: str = "pixels-12345678", resize: str = "none") -> None:
        self.name, self.resize, self.calls = name, resize, 0

    def features(self, images_NCHW: Tensor) -> Tensor:
        self.calls += 1
        return images_NCHW.flatten(1).float()


class FailingExtractor(CountingExtractor):
    def features(self, images_NCHW: Tensor) -> Tensor:
        raise RuntimeError("out of memory")


def _images() -> Tensor:
    return torch.randint(256, (6, 1, 4, 4), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


@pytest.fixture
def inner() -> CountingExtractor:
    return CountingExtractor()


@pytest.fixture
def cached(inner: CountingExtractor, tmp_path: Path) -> CachedExtractor:
    return CachedExtractor(inner, tmp_path / "features")


def _files(cached: CachedExtractor) -> list[Path]:
    return sorted(cached.folder.iterdir())


def test_the_same_pixels_are_computed_once(cached: CachedExtractor, inner: CountingExtractor) -> None:
    first, second = cached.features(_images()), cached.features(_images())
    assert inner.calls == 1
    assert torch.equal(first, second)
    assert torch.equal(second, inner.features(_images()))
    assert (second.dtype, [path.suffix for path in _files(cached)]) == (torch.float32, [".safetensors"])


def test_another_process_finds_them(cached: CachedExtractor) -> None:
    cached.features(_images())
    later = CountingExtractor()
    assert torch.equal(CachedExtractor(later, cached.folder).features(_images()), later.features(_images()))
    assert later.calls == 1


def test_pixels_count_as_they_read_not_as_they_lie_in_memory(cached: CachedExtractor, inner: CountingExtractor) -> None:
    cached.features(_images())
    cached.features(_images().contiguous(memory_format=torch.channels_last))
    cached.features(_images().repeat_interleave(2, 0)[::2])
    assert inner.calls == 1


def test_a_changed_pixel_is_computed_again(cached: CachedExtractor, inner: CountingExtractor) -> None:
    images = _images()
    cached.features(images)
    images[3, 0, 1, 2] += 1
    assert torch.equal(cached.features(images), images.flatten(1).float())
    assert inner.calls == 2


def test_the_same_bytes_in_another_shape_are_other_images(cached: CachedExtractor, inner: CountingExtractor) -> None:
    cached.features(_images())
    assert cached.features(_images().view(3, 2, 4, 4)).shape == (3, 32)
    assert inner.calls == 2


def test_the_order_of_images_is_that_of_their_features(cached: CachedExtractor) -> None:
    assert torch.equal(cached.features(_images().flip(0)), cached.features(_images()).flip(0))


@pytest.mark.parametrize(
    "other", [CountingExtractor(name="pixels-87654321"), CountingExtractor(resize="to 8x8")], ids=["name", "resize"]
)
def test_another_extractor_computes_its_own(cached: CachedExtractor, other: CountingExtractor) -> None:
    cached.features(_images())
    CachedExtractor(other, cached.folder).features(_images())
    assert other.calls == 1
    assert len(_files(cached)) == 2


def _flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _without_metadata(path: Path) -> None:
    save_file(load_file(path), path)


def _of_another_key(path: Path) -> None:
    save_file(load_file(path), path, {"key": "0" * 64, "digest": "0" * 64})


def _of_another_program(path: Path) -> None:
    save_file({"weight": torch.zeros(3)}, path)


def _text(path: Path) -> None:
    path.write_text("features were here")


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    "damage",
    [_flip_a_bit, _truncate, _empty, _without_metadata, _of_another_key, _of_another_program, _text, _folder],
)
def test_a_damaged_or_foreign_file_is_replaced(
    cached: CachedExtractor, inner: CountingExtractor, damage: Callable[[Path], object]
) -> None:
    whole = cached.features(_images())
    (path,) = _files(cached)
    damage(path)
    assert all(torch.equal(cached.features(_images()), whole) for _ in range(2))
    assert inner.calls == 2
    assert _files(cached) == [path]


def test_the_file_of_other_images_under_this_name_is_not_trusted(cached: CachedExtractor) -> None:
    cached.features(_images())
    (path,) = _files(cached)
    cached.features(255 - _images())
    (other,) = set(_files(cached)) - {path}
    other.replace(path)
    assert torch.equal(cached.features(_images()), _images().flatten(1).float())


def test_a_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    folder = tmp_path / "features"
    with pytest.raises(RuntimeError, match="out of memory"):
        CachedExtractor(FailingExtractor(), folder).features(_images())
    assert not folder.exists()


def test_a_full_disk_is_named_and_leaves_no_part_of_a_file(cached: CachedExtractor) -> None:
    images = _images().repeat(100, 1, 1, 1)
    with little_room(), pytest.raises(DiskFullError):
        cached.features(images)
    assert _files(cached) == []


def test_name_and_resize_are_the_inner_one_s(cached: CachedExtractor, inner: CountingExtractor) -> None:
    assert (cached.name, cached.resize) == (inner.name, inner.resize)


def test_scaled_features_are_cached_by_their_scale(inner: CountingExtractor, tmp_path: Path) -> None:
    twos, fours = (CachedExtractor(ScaledExtractor(inner, scale), tmp_path).features(_images()) for scale in (2.0, 4.0))
    assert torch.equal(twos, 2 * fours)
    assert inner.calls == 2


def test_cached_features_are_scaled(cached: CachedExtractor, inner: CountingExtractor) -> None:
    scaled = ScaledExtractor.fitted(cached, _images())
    found = scaled.features(_images())
    assert inner.calls == 1
    assert torch.equal(found, inner.features(_images()) / scaled.scale)
