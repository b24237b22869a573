"""From a picture file to pixels, or to what is wrong with it."""

import warnings
from collections.abc import Callable
from typing import BinaryIO, Literal, NamedTuple

import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

__all__ = ["MOST_PIXELS", "Fault", "FaultKind", "Picture", "decode_picture", "describe_preparation", "resize_arrays"]

_MODE_OF_CHANNELS = {1: "L", 3: "RGB"}
MOST_PIXELS = 2**26
"""Of a picture. A small file can hold one that takes all memory; more than this no camera's has."""

Picture = tuple[str, Callable[[], BinaryIO]]
"""A picture's name, and how to open it."""

FaultKind = Literal["corrupt", "huge", "mode", "form", "copy", "hidden", "ending", "link", "unlisted", "unassigned"]


class Fault(NamedTuple):
    """What is wrong with a picture.

    Attributes:
        name: The picture.
        kind: "corrupt": it can't be decoded; "huge": it has too many pixels; "mode": it is neither grey nor colour;
            "form": it is of another size or mode than the first; "copy": it is a copy of another picture; "hidden":
            it is a hidden or system file; "ending": its ending is no picture's; "link": it is a link that leads nowhere
            or in a circle; "unlisted": the table of the pictures has no row for it; "unassigned": a list of parts names
            other pictures and not this one.
        detail: Its mode or form, or what it is a copy of.
    """

    name: str
    kind: FaultKind
    detail: str = ""


def decode_picture(picture: Picture, *, resolution: int, channels: int) -> NDArray[np.uint8] | Fault:
    """Decodes a picture into uint8 [C, H, W], or says what is wrong with it.

    Args:
        picture: Its name and opener.
        resolution: Side of the square that it is brought to, by a central crop and an antialiased resize; 0 leaves it.
        channels: 1 (grey) or 3 (colour), to which it is converted; 0 takes it as it is.
    """
    name, opener = picture
    try:
        with opener() as file, _sized(file) as image:
            if image.width * image.height > MOST_PIXELS:
                return Fault(name, "huge")
            if not channels and image.mode not in _MODE_OF_CHANNELS.values():
                return Fault(name, "mode", image.mode)
            return _as_array(image, resolution, channels)
    except Image.DecompressionBombError:
        return Fault(name, "huge")
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
        return Fault(name, "corrupt")


def describe_preparation(resolution: int) -> str:
    """Returns in words what is done to a picture's size."""
    if not resolution:
        return "none"
    return f"central square, Lanczos (antialiased) to {resolution}x{resolution}, by Pillow {PIL.__version__}"


def resize_arrays(arrays: NDArray[np.uint8], resolution: int) -> NDArray[np.uint8]:
    """Brings pixels, uint8 [N, H, W] or [N, H, W, 3], to squares of side `resolution`; 0 leaves them."""
    if not resolution:
        return arrays
    return np.stack([np.asarray(_square(Image.fromarray(array), resolution)) for array in arrays])


def _sized(file: BinaryIO) -> Image.Image:
    # Opening reads the size and no pixels. Pillow warns of less than it refuses; here it is refused.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        return Image.open(file)


def _square(picture: Image.Image, side: int) -> Image.Image:
    if picture.size == (side, side):
        return picture
    return ImageOps.fit(picture, (side, side), Image.Resampling.LANCZOS)


def _as_array(picture: Image.Image, resolution: int, channels: int) -> NDArray[np.uint8]:
    if channels:
        if picture.mode.startswith("I"):
            # Pillow would clip 16-bit shades at 255.
            picture = Image.fromarray((np.asarray(picture) // 257).astype(np.uint8))
        picture = picture.convert(_MODE_OF_CHANNELS[channels])
    if resolution:
        picture = _square(picture, resolution)
    array = np.array(picture, dtype=np.uint8)
    return array[None] if array.ndim == 2 else array.transpose(2, 0, 1)
