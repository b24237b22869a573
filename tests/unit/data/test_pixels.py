import io
import struct
import zlib
from typing import BinaryIO

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from lds_mlflow.data.packing import pack_pictures
from lds_mlflow.data.pixels import Picture, resize_arrays
from lds_mlflow.errors import DataError


def _picture(name: str, image: Image.Image) -> Picture:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return name, lambda: io.BytesIO(buffer.getvalue())


def _flat(name: str, *, mode: str = "RGB", size: tuple[int, int] = (8, 8)) -> Picture:
    return _picture(name, Image.new(mode, size))


def _truncated(name: str) -> Picture:
    whole = _picture(name, _noise())[1]().read()
    return name, lambda: io.BytesIO(whole[: len(whole) // 2])


def _noise() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8))


def _decode(*pictures: Picture, resolution: int = 0, channels: int = 0) -> Tensor:
    return pack_pictures(pictures, resolution=resolution, channels=channels, source="holiday").images_NCHW


def _refusal(*pictures: Picture, resolution: int = 0, channels: int = 0) -> DataError:
    with pytest.raises(DataError) as caught:
        _decode(*pictures, resolution=resolution, channels=channels)
    return caught.value


def test_pictures_become_bytes_in_the_order_they_come() -> None:
    red, blue = Image.new("RGB", (8, 4), (255, 0, 0)), Image.new("RGB", (8, 4), (0, 0, 255))
    pixels = _decode(_picture("red.png", red), _picture("blue.png", blue))
    assert pixels.dtype == torch.uint8
    assert pixels.shape == (2, 3, 4, 8)
    assert pixels[:, :, 0, 0].tolist() == [[255, 0, 0], [0, 0, 255]]


def test_a_decoded_picture_is_the_picture_pixel_by_pixel() -> None:
    pixels = _decode(_picture("noise.png", _noise()))
    assert np.array_equal(pixels[0].permute(1, 2, 0).numpy(), np.array(_noise()))


def test_a_resolution_takes_the_middle_square() -> None:
    wide = np.zeros((8, 16), dtype=np.uint8)
    wide[:, 4:12] = 200
    pixels = _decode(_picture("wide.png", Image.fromarray(wide)), resolution=8)
    assert pixels.tolist() == torch.full((1, 1, 8, 8), 200).tolist()


def test_a_resolution_brings_pictures_of_many_sizes_to_one() -> None:
    pictures = [_flat(f"{side}.png", size=(side, 9)) for side in (5, 8, 30)]
    assert _decode(*pictures, resolution=16).shape == (3, 3, 16, 16)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK"])
def test_channels_converts_every_kind_of_picture(mode: str, channels: int) -> None:
    image = Image.new("RGB", (8, 8), (255, 255, 255)).convert(mode)
    buffer = io.BytesIO()
    image.save(buffer, format="TIFF")
    pixels = _decode(("white.tiff", lambda: io.BytesIO(buffer.getvalue())), channels=channels)
    assert pixels.tolist() == torch.full((1, channels, 8, 8), 255).tolist()


def test_a_sixteen_bit_picture_keeps_its_shades_when_it_is_converted() -> None:
    ramp = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    pixels = _decode(_picture("ramp.png", Image.fromarray(ramp)), channels=1)
    assert np.abs(pixels[0, 0].numpy().astype(float) - ramp / 257).max() <= 1


def test_a_corrupt_picture_is_named_with_its_source() -> None:
    error = _refusal(_flat("whole.png"), _truncated("half.png"))
    assert "holiday" in error.what
    assert error.found == "files that can't be decoded (1 in all): half.png"
    assert "Repair or remove" in error.remedy


def test_all_corrupt_pictures_are_named_together() -> None:
    empty: BinaryIO = io.BytesIO(b"")
    error = _refusal(("a.png", lambda: empty), _flat("whole.png"), _truncated("b.png"))
    assert error.found == "files that can't be decoded (2 in all): a.png, b.png"


def test_of_many_corrupt_pictures_the_first_five_are_named_and_the_rest_counted() -> None:
    error = _refusal(*(_truncated(f"{i}.png") for i in range(8)))
    assert error.found == "files that can't be decoded (8 in all): 0.png, 1.png, 2.png, 3.png, 4.png and 3 more"


def test_a_picture_of_another_size_is_named_with_both_sizes() -> None:
    error = _refusal(_flat("a.png"), _flat("b.png", size=(9, 7)), _flat("c.png"))
    assert "images of another size or mode than a.png" in error.found
    assert "b.png (9x7, 3 channels)" in error.found
    assert error.expected == "images of 8x8 pixels with 3 channels"
    assert "resolution" in error.remedy


def test_a_grey_picture_among_colour_ones_is_named_with_its_channels() -> None:
    error = _refusal(_flat("a.png"), _flat("b.png", mode="L"))
    assert "b.png (8x8, 1 channels)" in error.found
    assert error.expected == "images of 8x8 pixels with 3 channels"
    assert "channels" in error.remedy


@pytest.mark.parametrize("mode", ["RGBA", "P", "1", "I;16"])
def test_a_picture_of_a_mode_that_no_model_takes_is_named_with_its_mode(mode: str) -> None:
    error = _refusal(_flat("a.png"), _flat("odd.png", mode=mode))
    assert error.what == "image odd.png of holiday"
    assert error.found == f"mode {mode}"
    assert "channels=1 or channels=3" in error.remedy


def test_channels_mends_a_mixture_of_modes() -> None:
    pictures = [_flat("a.png"), _flat("b.png", mode="L"), _flat("c.png", mode="RGBA")]
    assert _decode(*pictures, channels=3).shape == (3, 3, 8, 8)


def _noise_arrays(*shape: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def test_resolution_zero_leaves_arrays_as_they_are() -> None:
    arrays = _noise_arrays(2, 5, 7)
    assert resize_arrays(arrays, 0) is arrays


@pytest.mark.parametrize("shape", [(3, 28, 28), (3, 28, 28, 3), (2, 8, 8), (2, 20, 30)])
def test_arrays_are_brought_to_squares_with_their_colours(shape: tuple[int, ...]) -> None:
    resized = resize_arrays(_noise_arrays(*shape), 16)
    assert resized.shape == (shape[0], 16, 16, *shape[3:])
    assert resized.dtype == np.uint8


def test_resizing_averages_what_it_shrinks() -> None:
    # Without antialiasing a fine checkerboard comes out black or white.
    board = (np.indices((32, 32)).sum(0) % 2 * 255).astype(np.uint8)[None]
    assert np.abs(resize_arrays(board, 8)[0, 2:6, 2:6].astype(float) - 127.5).max() < 10


@pytest.mark.parametrize("side", [8193, 12_000, 20_000])
def test_a_picture_that_would_take_all_memory_is_refused_before_it_is_decoded(side: int) -> None:
    # Pillow would decode the first, warn of the second, and refuse the third.
    header = io.BytesIO()
    Image.new("1", (1, 1)).save(header, format="PNG")
    png = bytearray(header.getvalue())
    png[16:24] = struct.pack(">II", side, side)
    png[29:33] = struct.pack(">I", zlib.crc32(png[12:29]))
    error = _refusal(_flat("a.png"), ("bomb.png", lambda: io.BytesIO(png)))
    assert error.found == "files with more than 67 million pixels (1 in all): bomb.png"
