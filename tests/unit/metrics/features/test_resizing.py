import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from lds_mlflow.metrics.features.resizing import describe_resize, resize_images


def _images(n: int = 3, channels: int = 3, side: int = 16) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (n, channels, side, side), generator=generator, dtype=torch.uint8)


def _by_pillow(images_NCHW: Tensor, side: int) -> Tensor:
    """Pillow's resize of 32-bit floats, as Parmar et al. have it, rounded to 8 bits."""
    channels = images_NCHW.flatten(0, 1).float().numpy()
    resized = [np.asarray(Image.fromarray(x).resize((side, side), Image.Resampling.BICUBIC)) for x in channels]
    return torch.from_numpy(np.stack(resized)).round().clamp(0, 255).view(*images_NCHW.shape[:2], side, side)


@pytest.mark.parametrize("side", [5, 8, 37, 64])
def test_a_resize_is_that_of_pillow_to_a_rounding(side: int) -> None:
    found = resize_images(_images(), side)
    assert (found.shape, found.dtype) == ((3, 3, side, side), torch.uint8)
    away = (found.float() - _by_pillow(_images(), side)).abs()
    assert away.max() <= 1
    assert away.mean() < 0.01


def test_shrunk_stripes_are_grey_instead_of_an_alias() -> None:
    stripes = torch.tensor([0, 255], dtype=torch.uint8).repeat(1, 1, 64, 32)
    found = resize_images(stripes, 16)[..., 2:-2].float()
    assert (found - 127.5).abs().max() < 2


def test_what_overshoots_is_clamped_and_does_not_wrap() -> None:
    edge = torch.zeros(1, 1, 8, 8, dtype=torch.uint8)
    edge[..., 4:] = 255
    found = resize_images(edge, 32)
    assert found[..., :14].max() < 128 < found[..., 18:].min()


@pytest.mark.parametrize("side", [16, 0])
def test_images_of_the_side_wanted_are_returned_as_they_are(side: int) -> None:
    images = _images()
    assert resize_images(images, side) is images


def test_an_image_does_not_depend_on_those_beside_it() -> None:
    images = _images(5)
    whole = resize_images(images, 37)
    assert torch.equal(torch.cat([resize_images(x, 37) for x in images.split(2)]), whole)
    assert torch.equal(resize_images(images.flip(0), 37), whole.flip(0))


def test_a_flat_image_stays_flat() -> None:
    assert (resize_images(torch.full((1, 3, 7, 7), 201, dtype=torch.uint8), 50) == 201).all()


def test_a_resize_is_told_in_words() -> None:
    assert describe_resize(299) == "bicubic, antialiased, to 299x299, rounded to 8 bits"
    assert describe_resize(0) == "none"
