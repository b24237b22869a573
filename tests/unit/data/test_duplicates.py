import io
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from lds_mlflow.data import NearDuplicates, near_duplicates
from lds_mlflow.values import ExampleSet, Splits

PARTS = [("train", "select"), ("train", "test"), ("select", "test")]


def _pictures(n: int, *, channels: int = 3, side: int = 32) -> Tensor:
    """Paints n smooth pictures of more light than colour, uint8 [n, C, side, side] within 40..215."""
    light, colour = (torch.rand(n, c, 6, 6, generator=torch.Generator().manual_seed(c)) for c in (1, channels))
    smooth = interpolate(0.6 * light + 0.4 * colour, size=(side, side), mode="bilinear")
    return (40 + 175 * smooth).round().to(torch.uint8)


def _part(name: str, images_NCHW: Tensor) -> ExampleSet:
    return ExampleSet(name, images_NCHW, tuple(f"{name}-{i}" for i in range(len(images_NCHW))))


def _splits(train: Tensor, select: Tensor, test: Tensor) -> Splits:
    return Splits(_part("train", train), _part("select", select), _part("test", test))


def _unrelated(*, channels: int = 3, side: int = 32) -> Splits:
    train, select, test = _pictures(60, channels=channels, side=side).split([36, 12, 12])
    return _splits(train, select, test)


def _with(splits: Splits, part: str, row: int, image_CHW: Tensor) -> Splits:
    """Puts an image in the place of another."""
    changed: ExampleSet = getattr(splits, part)
    images = changed.examples_N.clone()
    images[row] = image_CHW
    return replace(splits, **{part: replace(changed, examples_N=images)})


def _names(found: NearDuplicates) -> list[tuple[str, str]]:
    return [(pair.image_i, pair.image_j) for pair in found.pairs]


def _picture(image_CHW: Tensor) -> Image.Image:
    return Image.fromarray(image_CHW.permute(1, 2, 0).numpy())


def _pixels(picture: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1)


def _compressed(image_CHW: Tensor) -> Tensor:
    file = io.BytesIO()
    _picture(image_CHW).save(file, "JPEG", quality=70)
    return _pixels(Image.open(file))


def _resized(image_CHW: Tensor) -> Tensor:
    side = image_CHW.shape[-1]
    return _pixels(_picture(image_CHW).resize((side // 2, side // 2)).resize((side, side)))


def _darker(image_CHW: Tensor) -> Tensor:
    return (0.8 * image_CHW).round().to(torch.uint8)


def _paler(image_CHW: Tensor) -> Tensor:
    return (128 + 0.7 * (image_CHW - 128.0)).round().to(torch.uint8)


def _grainy(image_CHW: Tensor) -> Tensor:
    grain = 5 * torch.randn(image_CHW.shape, generator=torch.Generator().manual_seed(1))
    return (image_CHW + grain).round().to(torch.uint8)


@pytest.mark.parametrize("parts", PARTS)
@pytest.mark.parametrize("copied", [_compressed, _resized, _darker, _paler, _grainy])
def test_a_copy_is_found_with_the_parts_and_the_names_of_both(
    copied: Callable[[Tensor], Tensor], parts: tuple[str, str]
) -> None:
    one, other = parts
    splits = _unrelated()
    found = near_duplicates(_with(splits, other, 7, copied(getattr(splits, one).examples_N[3])))
    (pair,) = found.pairs
    assert (pair.part_i, pair.part_j, pair.image_i, pair.image_j) == (one, other, f"{one}-3", f"{other}-7")
    assert (pair.i, pair.j) == (3, 7)
    assert 0.96 <= pair.correlation <= 1
    assert found.counts == {both: int(both == parts) for both in PARTS}


def test_grey_images_smaller_than_a_thumbnail_are_compared_too() -> None:
    splits = _unrelated(channels=1, side=8)
    assert not near_duplicates(splits).pairs
    found = near_duplicates(_with(splits, "test", 0, _darker(splits.train.examples_N[35])))
    assert _names(found) == [("train-35", "test-0")]


def test_unrelated_images_are_no_near_duplicates() -> None:
    found = near_duplicates(_unrelated())
    assert found.total == 0
    assert found.pairs == ()
    assert found.counts == dict.fromkeys(PARTS, 0)


@pytest.mark.parametrize(
    "changed",
    [
        lambda image: image.flip(-1),
        lambda image: image.flip(-2),
        lambda image: 255 - image,
        lambda image: image.flip(0),
    ],
    ids=["mirrored", "upside down", "negative", "red and blue swapped"],
)
def test_another_picture_made_from_one_is_no_near_duplicate_of_it(changed: Callable[[Tensor], Tensor]) -> None:
    splits = _unrelated()
    assert not near_duplicates(_with(splits, "test", 2, changed(splits.train.examples_N[5]))).pairs


def test_images_of_equal_grey_and_different_colour_are_no_near_duplicates() -> None:
    splits = _unrelated()
    shade = splits.train.examples_N[0, 0].float() - 128
    red, green = torch.full((2, 3, 32, 32), 128.0)
    red[0] += shade
    # BT.601 weighs red by 0.299 and green by 0.587.
    green[1] += shade * 0.299 / 0.587
    splits = _with(_with(splits, "train", 0, red.round()), "test", 0, green.round())
    luma = torch.tensor([0.299, 0.587, 0.114])
    grey = [torch.einsum("chw,c->hw", image, luma) for image in (red, green)]
    torch.testing.assert_close(*grey)
    assert not near_duplicates(splits).pairs


def test_a_copy_within_one_part_does_not_matter() -> None:
    splits = _unrelated()
    assert not near_duplicates(_with(splits, "train", 1, _darker(splits.train.examples_N[0]))).pairs


def test_flat_images_match_nothing() -> None:
    splits = _unrelated()
    board = 100 + 55 * (torch.arange(32)[:, None] + torch.arange(32)) % 2
    for part, level in (("train", 100), ("select", 101), ("test", 100)):
        splits = _with(splits, part, 0, torch.full((3, 32, 32), level))
        splits = _with(splits, part, 1, torch.tensor([level, 0, 0])[:, None, None])
        splits = _with(splits, part, 2, board + level % 2)
    assert not near_duplicates(splits).pairs


def test_flat_images_alone_give_no_error_and_no_pairs() -> None:
    flat = torch.arange(9, dtype=torch.uint8)[:, None, None, None].expand(-1, 3, 32, 32)
    assert near_duplicates(_splits(flat[:3], flat[3:6], flat[6:])).total == 0


def test_a_set_of_one_picture_under_many_lights_is_all_near_duplicates() -> None:
    lights = torch.linspace(0.5, 1, 9)[:, None, None, None]
    images = (lights * _pictures(1)).round().to(torch.uint8)
    found = near_duplicates(_splits(images[:4], images[4:6], images[6:]))
    assert found.counts == {("train", "select"): 8, ("train", "test"): 12, ("select", "test"): 6}


def test_rounding_takes_no_correlation_beyond_one() -> None:
    half = _pictures(60) // 2
    found = near_duplicates(_splits(2 * half[:36], half[36:48], half[:12]))
    assert [pair.correlation for pair in found.pairs] == pytest.approx([1.0] * 12, abs=1e-5)
    assert found.pairs[0].correlation <= 1


def _some_copies() -> Splits:
    splits = _unrelated()
    for row in range(6):
        splits = _with(splits, "test", row, _grainy(_paler(splits.train.examples_N[3 * row])))
        splits = _with(splits, "select", row, _compressed(splits.train.examples_N[3 * row + 1]))
    return splits


def test_tiles_find_what_the_whole_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = near_duplicates(_some_copies(), threshold=0.2)
    monkeypatch.setattr("lds_mlflow.data.duplicates._TILE_SIDE", 5)
    monkeypatch.setattr("lds_mlflow.data.duplicates._BATCH_ENTRIES", 3 * 32 * 32 * 5)
    tiled = near_duplicates(_some_copies(), threshold=0.2)
    assert whole.total > 12
    assert tiled.counts == whole.counts
    assert {pair[:4] for pair in tiled.pairs} == {pair[:4] for pair in whole.pairs}
    torch.testing.assert_close(
        *(torch.tensor([pair.correlation for pair in found.pairs]) for found in (tiled, whole)), rtol=0, atol=1e-5
    )


def test_only_the_closest_are_kept_and_all_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    every = near_duplicates(_some_copies(), threshold=0.2)
    monkeypatch.setattr("lds_mlflow.data.duplicates._TILE_SIDE", 5)
    monkeypatch.setattr("lds_mlflow.data.duplicates._KEPT", 7)
    few = near_duplicates(_some_copies(), threshold=0.2)
    assert few.counts == every.counts
    assert _names(few) == _names(every)[:7]


def test_the_closest_come_first() -> None:
    falling = [pair.correlation for pair in near_duplicates(_some_copies(), threshold=0.2).pairs]
    assert falling == sorted(falling, reverse=True)


def test_the_order_of_the_images_does_not_matter() -> None:
    splits = _some_copies()
    parts = (splits.train, splits.select, splits.test)
    backwards = Splits(*(part.take(torch.arange(len(part) - 1, -1, -1)) for part in parts))
    assert set(_names(near_duplicates(backwards))) == set(_names(near_duplicates(splits)))
    assert near_duplicates(splits).counts == {("train", "select"): 6, ("train", "test"): 6, ("select", "test"): 0}


def test_the_correlation_is_the_cosine_after_whitening_with_a_ridge() -> None:
    splits = _unrelated(channels=1, side=8)
    found = near_duplicates(splits, threshold=0.2)
    images = [part.examples_N.flatten(1).double().numpy() for part in (splits.train, splits.select, splits.test)]
    x = np.concatenate(images)
    x -= x.mean(1, keepdims=True)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    products = x @ np.linalg.inv(x.T @ x / len(x) + (0.003 + 1 / 60) * np.eye(64)) @ x.T
    cosines = products / np.sqrt(np.outer(products.diagonal(), products.diagonal()))
    first = {"train": 0, "select": 36, "test": 48}
    assert found.total == sum((cosines[i, j] >= 0.2).sum() for i, j in (np.s_[:36, 36:], np.s_[36:48, 48:])) > 0
    for pair in found.pairs:
        expected = cosines[first[pair.part_i] + pair.i, first[pair.part_j] + pair.j]
        assert pair.correlation == pytest.approx(expected, abs=1e-4)
