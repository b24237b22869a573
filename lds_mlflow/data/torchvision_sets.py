"""Data sets that torchvision knows, read from where they already lie: nothing is downloaded."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torchvision import datasets

from lds_mlflow.data.outside import digest_of_listing
from lds_mlflow.data.pixels import resize_arrays
from lds_mlflow.errors import DataError
from lds_mlflow.values import ExampleSet

__all__ = ["TORCHVISION_SETS", "digest_of_root", "load_torchvision"]

TORCHVISION_SETS = {
    "MNIST": datasets.MNIST,
    "FashionMNIST": datasets.FashionMNIST,
    "KMNIST": datasets.KMNIST,
    "CIFAR10": datasets.CIFAR10,
}


def load_torchvision(place: str, *, resolution: int = 0) -> ExampleSet:
    """Reads both parts of a torchvision set; its own test part is declared as test.

    Args:
        place: NAME:FOLDER, a key of TORCHVISION_SETS and the folder that torchvision calls `root`.
        resolution: Side to which the images are resized, antialiased; 0 leaves them.

    Raises:
        DataError: The set is unknown or not there, or the place names no folder.
    """
    name, root = _parts(place)
    if name not in TORCHVISION_SETS:
        raise DataError(
            "the torchvision set",
            found=name,
            expected=f"one of {', '.join(TORCHVISION_SETS)}",
            remedy="Give data=torchvision:NAME:FOLDER with one of these names.",
        )
    try:
        halves = [TORCHVISION_SETS[name](str(root), train=train, download=False) for train in (True, False)]
    except (RuntimeError, ValueError, AssertionError, OSError, EOFError) as error:
        raise DataError(
            f"torchvision's {name} in {root}",
            found=str(error) or "a truncated file",
            expected="the files of the data set, as torchvision stores them",
            remedy="Download the data set to this folder with torchvision first.",
        ) from error
    arrays = [_pixels(half, resolution) for half in halves]
    parts = ["train"] * len(arrays[0]) + ["test"] * len(arrays[1])
    return ExampleSet(
        name=name,
        examples_N=torch.from_numpy(np.concatenate(arrays)).permute(0, 3, 1, 2).contiguous(),
        ids_N=tuple(
            f"{part}-{i:05d}" for part, array in zip(("train", "test"), arrays, strict=True) for i in range(len(array))
        ),
        labels_N=torch.cat([torch.as_tensor(half.targets, dtype=torch.int64) for half in halves]),
        class_names_K=tuple(halves[0].classes),
        declared_parts_N=tuple(parts),
    )


def digest_of_root(place: str) -> str:
    """Returns a digest of the files in the folder of NAME:FOLDER; see `digest_of_listing`.

    Raises:
        DataError: The place names no folder, or there is none.
    """
    return digest_of_listing(str(_parts(place)[1]))


def _parts(place: str) -> tuple[str, Path]:
    name, colon, root = place.partition(":")
    if not colon:
        raise DataError(
            "data",
            found=f"torchvision:{place}",
            expected="torchvision:NAME:FOLDER",
            remedy="Add the folder that contains the data set.",
        )
    return name, Path(root)


def _pixels(half: Any, resolution: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    array = resize_arrays(np.asarray(half.data), resolution)
    return array[..., None] if array.ndim == 3 else array
