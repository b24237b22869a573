"""From picture files to one array: every picture decoded and checked, all the wrong ones named together."""

import warnings
from collections.abc import Callable, Iterable
from typing import BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor
from tqdm import tqdm

from lds_mlflow.errors import DataError

__all__ = ["Picture", "decode_pictures", "resize_arrays"]

_MODE_OF_CHANNELS = {1: "L", 3: "RGB"}
_NAMED_AT_MOST = 5
_MOST_PIXELS = 2**26
"""Of a picture. A small file can hold one that takes all memory; more than this no camera's has."""

Picture = tuple[str, Callable[[], BinaryIO]]
"""A picture's name, and how to open it."""


def decode_pictures(pictures: Iterable[Picture], *, resolution: int, channels: int, source: str) -> Tensor:
    """Decodes pictures into uint8 [N, C, H, W].

    Args:
        pictures: Names and openers.
        resolution: Side of the square that every picture is brought to, by a central crop and an antialiased
            resize; 0 takes them as they are, and then they must be alike.
        channels: 1 (grey) or 3 (colour), to which every picture is converted; 0 takes them as they are.
        source: What to call the whole in a message.

    Raises:
        DataError: A picture is corrupt, too large, or of another size or mode than the first.
    """
    arrays: dict[str, NDArray[np.uint8]] = {}
    corrupt: list[str] = []
    huge: list[str] = []
    odd_modes: dict[str, str] = {}
    for name, opener in tqdm(pictures, desc="reading images", unit="image", leave=False, delay=1):
        try:
            with opener() as file, _sized(file) as picture:
                if picture.width * picture.height > _MOST_PIXELS:
                    huge.append(name)
                elif channels or picture.mode in _MODE_OF_CHANNELS.values():
                    arrays[name] = _as_array(picture, resolution, channels)
                else:
                    odd_modes[name] = picture.mode
        except Image.DecompressionBombError:
            huge.append(name)
        except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
            corrupt.append(name)
    if corrupt:
        raise DataError(
            f"images of {source}",
            found=f"{len(corrupt)} that can't be decoded: {_some(corrupt)}",
            expected="every image file to be whole",
            remedy="Repair or remove them.",
        )
    if huge:
        raise DataError(
            f"images of {source}",
            found=f"{len(huge)} of more than {_MOST_PIXELS / 1e6:.0f} million pixels: {_some(huge)}",
            expected="pictures that fit in memory",
            remedy="Make them smaller, or remove them.",
        )
    if odd_modes:
        raise DataError(
            f"image{'s' if len(odd_modes) > 1 else ''} {_some(list(odd_modes))} of {source}",
            found=f"mode {', '.join(sorted(set(odd_modes.values())))}",
            expected="mode L (grey) or RGB (colour)",
            remedy="Convert them, or give channels=1 or channels=3 to have every image converted.",
        )
    _require_alike(arrays, source)
    stack = np.stack(list(arrays.values()))
    return torch.from_numpy(stack).permute(0, 3, 1, 2).contiguous()


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
    return array[..., None] if array.ndim == 2 else array


def _require_alike(arrays: dict[str, NDArray[np.uint8]], source: str) -> None:
    first_name, first = next(iter(arrays.items()))
    others = [name for name, array in arrays.items() if array.shape != first.shape]
    if not others:
        return
    height, width, depth = arrays[others[0]].shape
    raise DataError(
        f"images of {source}",
        found=f"{len(others)} of another size or mode than {first_name}, such as {others[0]} "
        f"({width}x{height}, {depth} channels): {_some(others)}",
        expected=f"all {first.shape[1]}x{first.shape[0]} with {first.shape[2]} channels",
        remedy="Remove them, or give resolution and channels to have every image brought to one form.",
    )


def _some(names: list[str]) -> str:
    rest = len(names) - _NAMED_AT_MOST
    return ", ".join(names[:_NAMED_AT_MOST]) + (f" and {rest} more" if rest > 0 else "")
