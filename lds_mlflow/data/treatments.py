"""Rules by which a decoded picture becomes what a person sees of it, in 8 bits.

A picture is turned upright as its EXIF orientation says, what is transparent is laid on white, of several frames or
pages the first is taken, and values of more than 8 bits are scaled. A colour profile (ICC) is left alone.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Literal, NamedTuple

import numpy as np
from PIL import ExifTags, Image
from PIL.ImageFile import ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from lds_mlflow.data.faults import UNREADABLE, UnusableError

__all__ = ["SIXTEEN_BITS", "Seen", "Treatment", "as_seen", "describe_treatments", "white_of"]

Treatment = Literal["turned", "on white", "first frame", "16-bit grey", "16-bit colour", "fractions", "inks"]

_GREY = frozenset({"1", "L", "LA"})
_PLAIN = _GREY | {"P", "PA", "RGB", "RGBA", "RGBX", "YCbCr", "HSV"}
_INTEGERS = frozenset({"I", "I;16", "I;16B", "I;16L", "I;16N"})

SIXTEEN_BITS = 2**16 - 1
_WHITES = tuple(2**bits - 1 for bits in (8, 10, 12, 14, 16))

_WITH_EXIF = frozenset({"exif", "Raw profile type exif", "XML:com.adobe.xmp", "xmp"})
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What undoes an EXIF orientation. ImageOps.exif_transpose would write the EXIF anew too, which fails on odd ones."""

_SENTENCES: dict[Treatment, str] = {
    "turned": "Images turned or mirrored upright, as their EXIF orientation says: {n:,}.",
    "on white": "Images with transparency, laid on white: {n:,}.",
    "first frame": "Images of several frames or pages, of which only the first is read: {n:,}.",
    "16-bit grey": "Grey images of more than 8 bits, all scaled by one factor, so that {white:,} becomes 255: {n:,}.",
    "16-bit colour": "Colour images of 16 bits, of which the upper 8 are read: {n:,}.",
    "fractions": "Images of fractions, scaled so that 0 to 1 becomes 0 to 255: {n:,}.",
    "inks": "Images of four inks (CMYK), converted without a colour profile: {n:,}.",
}


class Seen(NamedTuple):
    """A picture as a person sees it.

    Attributes:
        picture: Of 8 bits.
        treatments: What was done.
        brightest: Its largest value, if it had 16 bits, else 0.
    """

    picture: Image.Image
    treatments: tuple[Treatment, ...] = ()
    brightest: int = 0


def as_seen(picture: ImageFile, white: int = SIXTEEN_BITS) -> Seen:
    """Applies the rules.

    Args:
        picture: An opened file.
        white: The value of integers of more than 8 bits that becomes 255; see `white_of`.

    Raises:
        UnusableError: There is no rule for its mode or its values.
    """
    # A file tells these before its pixels are read, and not after.
    is_animated, is_wide = getattr(picture, "is_animated", False), _is_wide(picture)
    is_turned = isinstance(picture, TiffImageFile) and picture.tag_v2.get(ExifTags.Base.Orientation) in _TURNS
    picture.load()
    seen = _in_eight_bits(picture, white, is_wide=is_wide)
    found, treatments = seen.picture, list(seen.treatments)
    if found.has_transparency_data:
        found, is_see_through = _on_white(found)
        treatments += ["on white"] if is_see_through else []
    turn = _turn(picture)
    if turn is not None:
        found = found.transpose(turn)
    if is_turned or turn is not None:
        treatments.append("turned")
    if is_animated:
        treatments.append("first frame")
    return Seen(found, tuple(treatments), seen.brightest)


def white_of(brightest: int) -> int:
    """Returns the largest integer of 8, 10, 12, 14 or 16 bits, whichever holds the brightest value of all pictures."""
    return next(white for white in _WHITES if brightest <= white)


def describe_treatments(counts: Mapping[Treatment, int], white: int) -> list[str]:
    """Returns a sentence for each treatment, with the number of pictures that were treated so.

    Args:
        counts: Pictures by treatment.
        white: The value of integers of more than 8 bits that became 255.
    """
    return [
        said.format(n=counts[treatment], white=white) for treatment, said in _SENTENCES.items() if counts.get(treatment)
    ]


def _is_wide(picture: ImageFile) -> bool:
    """Returns whether Pillow will keep the upper 8 of 16 bits: it has no mode for colour of 16 bits."""
    if not picture.tile or picture.mode in _INTEGERS:
        return False
    arguments = picture.tile[0].args
    raw = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    return isinstance(raw, str) and ";16" in raw


def _in_eight_bits(picture: Image.Image, white: int, *, is_wide: bool) -> Seen:
    is_deep = is_wide or picture.mode in _INTEGERS
    if is_deep and "transparency" in picture.info:
        raise UnusableError("mode", f"{picture.mode} of 16 bits with a transparent colour")
    if is_wide:
        # What is below the upper bits is lost: even without any, the picture may hold values up to 255.
        upper = int(np.asarray(picture.convert("RGB")).max())
        return Seen(picture, ("16-bit colour",), max(upper * 257, 1))
    if picture.mode in _PLAIN:
        return Seen(picture)
    if picture.mode == "CMYK":
        return Seen(picture.convert("RGB"), ("inks",))
    if picture.mode == "F":
        return Seen(_from_fractions(picture), ("fractions",))
    if is_deep:
        return _from_integers(picture, white)
    raise UnusableError("mode", picture.mode)


def _from_integers(picture: Image.Image, white: int) -> Seen:
    values = np.asarray(picture).astype(np.int64)
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > SIXTEEN_BITS:
        raise UnusableError("range", f"from {low:,} to {high:,}")
    grey = (values * 255 // white).clip(max=255).astype(np.uint8)
    return Seen(Image.fromarray(grey), ("16-bit grey",), high)


def _from_fractions(picture: Image.Image) -> Image.Image:
    values = np.asarray(picture)
    low, high = float(values.min()), float(values.max())
    if not (low >= 0 and high <= 1):
        raise UnusableError("range", f"from {low:g} to {high:g}")
    return Image.fromarray(np.rint(values * 255).astype(np.uint8))


def _on_white(picture: Image.Image) -> tuple[Image.Image, bool]:
    """Returns a picture without transparency, and whether it had any."""
    layer = picture.convert("RGBA")
    plain = "L" if picture.mode in _GREY else "RGB"
    low, _ = layer.getchannel("A").getextrema()
    if low == 255:
        return layer.convert(plain), False
    return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert(plain), True


def _turn(picture: Image.Image) -> Image.Transpose | None:
    """Returns what undoes an orientation that is still to be undone. Pillow undoes that of TIFF by itself."""
    if not picture.info.keys() & _WITH_EXIF:
        return None
    # Of an EXIF that can't be read, Pillow keeps what it could read.
    with suppress(*UNREADABLE):
        picture.getexif()
    return _TURNS.get(picture.getexif().get(ExifTags.Base.Orientation, 1))
