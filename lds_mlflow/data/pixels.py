"""From a picture file to pixels, or to what is wrong with it."""

from collections.abc import Callable
from typing import BinaryIO, NamedTuple

import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import Image, ImageOps

from lds_mlflow.data.faults import MOST_PIXELS, UNREADABLE, Fault, UnusableError
from lds_mlflow.data.treatments import SIXTEEN_BITS, Treatment, as_seen

__all__ = ["Decoded", "Picture", "decode_picture", "describe_preparation", "resize_arrays"]

_MODE_OF_CHANNELS = {1: "L", 3: "RGB"}

Picture = tuple[str, Callable[[], BinaryIO]]
"""A picture's name, and how to open it; an opener may raise UnusableError."""


class Decoded(NamedTuple):
    """What became of a picture file.

    Attributes:
        pixels_CHW: Pixels, uint8 [C, H, W].
        treatments: What was done to show them as a person sees them.
        brightest: The largest value of the file, if it has 16 bits, else 0.
    """

    pixels_CHW: NDArray[np.uint8]
    treatments: tuple[Treatment, ...] = ()
    brightest: int = 0


def decode_picture(picture: Picture, *, resolution: int, channels: int, white: int = SIXTEEN_BITS) -> Decoded | Fault:
    """Decodes a picture, or says what is wrong with it.

    Args:
        picture: Its name and opener.
        resolution: Side of the square that it is brought to, by a central crop and an antialiased resize; 0 leaves it.
        channels: 1 (grey) or 3 (colour), to which it is converted; 0 takes it as it is.
        white: The value of integers of more than 8 bits that becomes 255.
    """
    name, opener = picture
    try:
        # Opening reads the size and no pixels.
        with opener() as file, Image.open(file) as image:
            if image.width * image.height > MOST_PIXELS:
                return Fault(name, "huge")
            if not channels and image.mode not in _MODE_OF_CHANNELS.values():
                return Fault(name, "mode", image.mode)
            seen = as_seen(image, white)
            return Decoded(_as_array(seen.picture, resolution, channels), seen.treatments, seen.brightest)
    except UnusableError as error:
        return Fault(name, error.kind, error.detail)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return Fault(name, "huge")
    except UNREADABLE:
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


def _square(picture: Image.Image, side: int) -> Image.Image:
    if picture.size == (side, side):
        return picture
    return ImageOps.fit(picture, (side, side), Image.Resampling.LANCZOS)


def _as_array(picture: Image.Image, resolution: int, channels: int) -> NDArray[np.uint8]:
    if channels:
        picture = picture.convert(_MODE_OF_CHANNELS[channels])
    if resolution:
        picture = _square(picture, resolution)
    array = np.array(picture, dtype=np.uint8)
    return array[None] if array.ndim == 2 else array.transpose(2, 0, 1)
