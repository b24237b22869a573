"""Pictures as a person sees them: files that look right in a viewer have to look so here."""

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from lds_mlflow.data.packing import PackedPictures, pack_pictures
from lds_mlflow.data.pixels import Picture
from lds_mlflow.data.treatments import white_of
from lds_mlflow.errors import DataError

_ORIENTATION = 274


def _file(name: str, image: Image.Image, form: str = "PNG", **options: Any) -> Picture:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return name, lambda: io.BytesIO(buffer.getvalue())


def _pack(*pictures: Picture, channels: int = 0) -> PackedPictures:
    return pack_pictures(pictures, resolution=0, channels=channels, source="holiday")


def _pixels(picture: Picture, channels: int = 0) -> NDArray[np.uint8]:
    pixels: NDArray[np.uint8] = _pack(picture, channels=channels).images_NCHW[0].numpy()
    return pixels


def _grey(*rows: list[float], kind: type = np.uint8) -> Image.Image:
    return Image.fromarray(np.array(rows, dtype=kind))


_UPRIGHT = np.arange(0, 240, 40, dtype=np.uint8).reshape(2, 3)
_STORED: dict[int, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    1: lambda seen: seen,
    2: lambda seen: seen[:, ::-1],
    3: lambda seen: seen[::-1, ::-1],
    4: lambda seen: seen[::-1],
    5: lambda seen: seen.T,
    6: lambda seen: np.rot90(seen, 1),
    7: lambda seen: seen[::-1, ::-1].T,
    8: lambda seen: np.rot90(seen, -1),
}


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
@pytest.mark.parametrize("orientation", list(_STORED))
def test_a_picture_is_turned_as_its_orientation_says(orientation: int, form: str) -> None:
    exif = Image.Exif()
    exif[_ORIENTATION] = orientation
    stored = Image.fromarray(np.ascontiguousarray(_STORED[orientation](_UPRIGHT)))
    found = _pack(_file("a", stored, form, exif=exif))
    assert np.array_equal(found.images_NCHW[0, 0].numpy(), _UPRIGHT)
    turned = "Images turned or mirrored upright, as their EXIF orientation says: 1."
    assert found.notes == ([] if orientation == 1 else [turned])


@pytest.mark.parametrize("form", ["JPEG", "WEBP", "AVIF"])
def test_every_format_with_exif_is_turned(form: str) -> None:
    exif = Image.Exif()
    exif[_ORIENTATION] = 6
    assert _pixels(_file("a", Image.new("RGB", (32, 16)), form, exif=exif)).shape == (3, 32, 16)


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0nonsense", b"Exif\0\0II*\0\x08\0\0\0\xff\xff", b"Exif\0\0MM\0*\xff\xff\xff\xff"]
)
@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
@pytest.mark.filterwarnings("default:Corrupt EXIF data:UserWarning")
def test_an_exif_that_can_not_be_read_turns_nothing(exif: bytes, form: str) -> None:
    found = _pack(_file("a", Image.new("RGB", (32, 16)), form, exif=exif))
    assert found.images_NCHW.shape == (1, 3, 16, 32)
    assert found.notes == []


def test_transparent_pixels_are_white_and_half_transparent_ones_half_white() -> None:
    image = Image.fromarray(np.array([[[100, 0, 0, 255], [100, 0, 0, 0], [100, 0, 0, 51]]], dtype=np.uint8))
    found = _pack(_file("a", image), channels=3)
    assert found.images_NCHW[0, :, 0].T.tolist() == [[100, 0, 0], [255, 255, 255], [224, 204, 204]]
    assert found.notes == ["Images with transparency, laid on white: 1."]


def _palette(form: str, transparency: Any) -> Picture:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 10, 10, 60, 60, 60])
    image.putdata([0, 1])
    return _file("a", image, form, transparency=transparency)


@pytest.mark.parametrize(
    ("picture", "seen"),
    [
        (_palette("PNG", 0), [255, 60]),
        (_palette("GIF", 1), [10, 255]),
        (_palette("PNG", bytes([0, 255])), [255, 60]),
        (_file("a", Image.fromarray(np.array([[[9, 0], [9, 255]]], dtype=np.uint8), "LA")), [255, 9]),
        (_file("a", _grey([9, 30]), transparency=9), [255, 30]),
        (_file("a", Image.new("RGB", (1, 1), (9, 9, 9)), transparency=(9, 9, 9)), [255]),
    ],
    ids=["palette", "gif", "palette with shares", "grey with alpha", "one shade", "one colour"],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_every_kind_of_transparency_is_laid_on_white(picture: Picture, seen: list[int], channels: int) -> None:
    assert _pixels(picture, channels).tolist() == [[seen]] * channels


def test_one_transparent_shade_is_laid_on_white_where_channels_are_kept() -> None:
    assert _pixels(_file("a", _grey([9, 30]), transparency=9)).tolist() == [[[255, 30]]]


def test_a_picture_whose_transparency_shows_nothing_is_not_counted() -> None:
    found = _pack(_file("a", Image.new("RGBA", (4, 4), (7, 8, 9, 255))), channels=3)
    assert found.images_NCHW[0, :, 0, 0].tolist() == [7, 8, 9]
    assert found.notes == []


@pytest.mark.parametrize(
    ("brightest", "white"), [(0, 255), (255, 255), (256, 1023), (4095, 4095), (4096, 16383), (65535, 65535)]
)
def test_white_is_the_smallest_range_that_holds_all_values(brightest: int, white: int) -> None:
    assert white_of(brightest) == white


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_twelve_bits_are_scaled_by_one_factor_for_all_pictures(form: str) -> None:
    dark, light = _grey([0, 819], kind=np.uint16), _grey([2048, 4095], kind=np.uint16)
    found = _pack(_file("dark", dark, form), _file("light", light, form), channels=1)
    assert found.images_NCHW[:, 0, 0].tolist() == [[0, 51], [127, 255]]
    assert found.notes == ["Grey images of more than 8 bits, all scaled by one factor, so that 4,095 becomes 255: 2."]


def test_eight_bits_in_sixteen_are_taken_as_they_are() -> None:
    assert _pixels(_file("a", _grey([0, 7, 255], kind=np.uint16)), 1).tolist() == [[[0, 7, 255]]]


def test_pictures_of_eight_bits_keep_their_shades_beside_those_of_twelve() -> None:
    found = _pack(_file("a", _grey([9, 200])), _file("b", _grey([0, 4095], kind=np.uint16)), channels=1)
    assert found.images_NCHW[:, 0, 0].tolist() == [[9, 200], [0, 255]]


def _colour_of_16_bits(*values: int) -> Picture:
    # Pillow reads such a file, and writes none.
    pixels = b"".join(value.to_bytes(2, "big") * 3 for value in values)
    return "a.ppm", lambda: io.BytesIO(_png(len(values), pixels))


def _png(width: int, row: bytes) -> bytes:
    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = struct.pack(">IIBBBBB", width, 1, 16, 2, 0, 0, 0)
    packed = zlib.compress(b"\0" + row)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def test_of_colours_of_sixteen_bits_the_upper_eight_are_read() -> None:
    found = _pack(_colour_of_16_bits(0, 0x8000, 0xFFFF))
    assert found.images_NCHW[0, 0, 0].tolist() == [0, 128, 255]
    assert found.notes == ["Colour images of 16 bits, of which the upper 8 are read: 1."]


@pytest.mark.parametrize("values", [(0, 4095), (0, 200), (16000,)])
def test_colours_of_sixteen_bits_that_use_fewer_are_refused(values: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match="colour images of 16 bits, of which no value is above"):
        _pack(_colour_of_16_bits(*values), channels=3)


def test_fractions_become_shades() -> None:
    found = _pack(_file("a", _grey([0, 0.5, 1], kind=np.float32), "TIFF"), channels=1)
    assert found.images_NCHW[0, 0, 0].tolist() == [0, 128, 255]
    assert found.notes == ["Images of fractions, scaled so that 0 to 1 becomes 0 to 255: 1."]


@pytest.mark.parametrize(
    ("row", "kind", "said"),
    [
        ([0, 70_000], np.int32, "from 0 to 70,000"),
        ([-1, 5], np.int32, "from -1 to 5"),
        ([0, 255.0], np.float32, "from 0 to 255"),
        ([-0.5, 1], np.float32, "from -0.5 to 1"),
        ([0, float("nan")], np.float32, "from nan to nan"),
    ],
)
def test_values_without_a_rule_are_refused_with_their_range(row: list[float], kind: type, said: str) -> None:
    with pytest.raises(DataError) as caught:
        _pack(_file("odd.tif", _grey(row, kind=kind), "TIFF"), channels=1)
    assert caught.value.what == "image odd.tif of holiday"
    assert caught.value.found == f"values {said}"
    assert "by one factor" in caught.value.remedy


def test_a_mode_without_a_rule_is_refused_by_name() -> None:
    with pytest.raises(DataError, match="found mode LAB"):
        _pack(_file("odd.tif", Image.new("LAB", (2, 2)), "TIFF"), channels=3)


def test_grey_of_sixteen_bits_with_a_transparent_shade_is_refused() -> None:
    with pytest.raises(DataError, match="mode I;16 of 16 bits with a transparent colour"):
        _pack(_file("odd.png", _grey([0, 4095], kind=np.uint16), transparency=0), channels=1)


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP", "TIFF"])
def test_of_several_frames_the_first_is_read_and_that_is_said(form: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    options = {"lossless": True} if form == "WEBP" else {}
    picture = _file("a", frames[0], form, save_all=True, append_images=frames[1:], **options)
    found = _pack(picture, channels=3)
    assert found.images_NCHW[0, :, 0, 0].tolist() == [255, 0, 0]
    assert found.notes == ["Images of several frames or pages, of which only the first is read: 1."]


def test_four_inks_become_the_colours_that_a_person_sees() -> None:
    found = _pack(_file("a.jpg", Image.new("RGB", (8, 8), (250, 250, 250)).convert("CMYK"), "JPEG"), channels=3)
    assert (found.images_NCHW.float() - 250).abs().max() < 4
    assert found.notes == ["Images of four inks (CMYK), converted without a colour profile: 1."]


def test_plain_pictures_need_no_note() -> None:
    found = _pack(_file("a", _grey([0, 9])), _file("b", _grey([0, 9]).convert("1")), channels=1)
    assert found.notes == []


def test_treatments_are_counted_over_all_pictures() -> None:
    exif = Image.Exif()
    exif[_ORIENTATION] = 3
    turned = [_file(f"{i}.png", _grey([0, 9]), exif=exif) for i in range(3)]
    found = _pack(*turned, _file("see", Image.new("LA", (2, 1))), channels=1)
    assert [note.rpartition(" ")[2] for note in found.notes] == ["3.", "1."]
    assert torch.equal(found.images_NCHW[0], found.images_NCHW[1])
