"""Networks that others have trained: their weights are read, and nothing else is unpickled.

What weights expect of a pixel depends on who trained them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NamedTuple
from zipfile import BadZipFile

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from lds_mlflow.errors import ArtifactError

__all__ = [
    "Convention",
    "as_trained_on",
    "in_short",
    "read_tensors",
    "reading_weights",
    "side_of",
    "three_channels",
]

Convention = Literal["caffe", "clip", "torchvision"]
"""Who trained: "caffe" (BGR in 0..255 less (104, 117, 123), 227x227), or "torchvision" or "clip" (RGB in 0..1,
normalised by ImageNet's or by CLIP's mean and deviation, 224x224 or what the weights say)."""

_SHOWN_OF_AN_ERROR = 300


class _Pixels(NamedTuple):
    """What a network expects: the order of the colours, and mean and scale of each in that order, in 0..255."""

    side: int
    colours: tuple[int, int, int]
    mean: tuple[float, float, float]
    scale: tuple[float, float, float]


_CONVENTIONS: dict[Convention, _Pixels] = {
    "caffe": _Pixels(227, (2, 1, 0), (104, 117, 123), (1, 1, 1)),
    "clip": _Pixels(
        224,
        (0, 1, 2),
        (255 * 0.48145466, 255 * 0.4578275, 255 * 0.40821073),
        (255 * 0.26862954, 255 * 0.26130258, 255 * 0.27577711),
    ),
    "torchvision": _Pixels(
        224, (0, 1, 2), (255 * 0.485, 255 * 0.456, 255 * 0.406), (255 * 0.229, 255 * 0.224, 255 * 0.225)
    ),
}


def side_of(convention: Convention) -> int:
    """Returns the pixels of a side of the images that the weights were trained on."""
    return _CONVENTIONS[convention].side


def as_trained_on(images: Tensor, convention: Convention) -> Tensor:
    """Maps images, float [B, 1 or 3, H, W] in 0..255 (RGB), to what the weights were trained on, [B, 3, H, W]."""
    _, colours, mean, scale = _CONVENTIONS[convention]
    x = three_channels(images)[:, list(colours)]
    return (x - x.new_tensor(mean)[:, None, None]) / x.new_tensor(scale)[:, None, None]


@contextmanager
def reading_weights(what: str, weights: Path | None, expected: str, remedy: str) -> Iterator[None]:
    """Inside this context, weights that can't be had or don't fit are an ArtifactError.

    Args:
        what: What they are.
        weights: Their file, or None where they are downloaded.
        expected: What was expected of it.
        remedy: What the error tells the user to do.
    """
    try:
        yield
    except (OSError, KeyError, RuntimeError, SafetensorError, ValueError, BadZipFile) as error:
        found = f"{weights or 'no local file'}: {in_short(error)}"
        raise ArtifactError(what, found=found, expected=expected, remedy=remedy) from error


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Reads tensors by name from a file (.safetensors, else torch.save's), and unpickles nothing else.

    Raises:
        OSError: The file can't be read.
        SafetensorError: It is no safetensors file.
        ValueError: It contains something other than tensors by name.
    """
    if path.suffix == ".safetensors":
        return load_file(path)
    try:
        tensors = torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:
        raise ValueError(f"not a file of tensors only ({type(error).__name__})") from error
    if not isinstance(tensors, dict) or not all(isinstance(tensor, Tensor) for tensor in tensors.values()):
        raise ValueError(f"a {type(tensors).__name__}, not a table of tensors only")
    return tensors


def three_channels(images_NCHW: Tensor) -> Tensor:
    """Returns images [N, 3, H, W] of images with one channel, which is repeated, or three."""
    return images_NCHW.expand(-1, 3, -1, -1) if images_NCHW.shape[1] == 1 else images_NCHW


def in_short(error: Exception) -> str:
    """Returns the first line of an error, or its type if it has no text."""
    return " ".join(str(error).split())[:_SHOWN_OF_AN_ERROR] or type(error).__name__
