"""Networks that others have trained: their weights are read, and nothing else is unpickled."""

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

__all__ = ["in_short", "read_tensors", "three_channels"]

_SHOWN_OF_AN_ERROR = 300


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
