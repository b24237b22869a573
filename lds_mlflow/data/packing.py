"""Many pictures -> one array, in memory or in a mapped file, from which interrupted packing continues."""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.lib.format import open_memmap
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from lds_mlflow.data.pixels import MOST_PIXELS, Fault, Picture, decode_picture
from lds_mlflow.errors import DataError
from lds_mlflow.machine.files import digest_of_bytes, take_space, write_atomically

__all__ = ["PackedPictures", "pack_pictures"]

_NAMED_AT_MOST = 5
_AT_ONCE = 256
"""Pictures after which progress is written down."""
_PIXELS, _PROGRESS = "pixels.npy", "progress.json"


@dataclass(frozen=True, slots=True)
class PackedPictures:
    """Pictures as one array.

    Attributes:
        images_NCHW: Pixels, uint8 [N, C, H, W], of those that can be used.
        rows_N: The place of each among the pictures.
        faults: What is wrong with the others.
    """

    images_NCHW: Tensor
    rows_N: list[int]
    faults: list[Fault]


@dataclass(slots=True)
class _Progress:
    identity: str
    done: int = 0
    faults: list[Fault] = field(default_factory=list)

    @property
    def kept(self) -> int:
        return self.done - len(self.faults)

    def save(self, folder: Path) -> None:
        content = json.dumps({"identity": self.identity, "done": self.done, "faults": self.faults})
        write_atomically(folder / _PROGRESS, lambda path: path.write_text(content))

    @classmethod
    def load(cls, folder: Path, identity: str) -> "_Progress":
        try:
            found = json.loads((folder / _PROGRESS).read_text())
            progress = cls(found["identity"], found["done"], [Fault(*fault) for fault in found["faults"]])
        except (OSError, ValueError, KeyError, TypeError):
            return cls(identity)
        return progress if progress.identity == identity and (folder / _PIXELS).is_file() else cls(identity)


def pack_pictures(
    pictures: Sequence[Picture],
    *,
    resolution: int,
    channels: int,
    source: str,
    tolerated: float = 0.0,
    folder: Path | None = None,
    on_faults: Callable[[list[Fault]], None] = lambda faults: None,
) -> PackedPictures:
    """Decodes pictures into one array.

    Args:
        pictures: Names and openers.
        resolution: Side of the square that every picture is brought to, by a central crop and an antialiased
            resize; 0 takes them as they are, and then they must be alike.
        channels: 1 (grey) or 3 (colour), to which every picture is converted; 0 takes them as they are.
        source: What to call the whole in a message.
        tolerated: Share of the pictures that may be corrupt or too large, and are left out.
        on_faults: Takes what is wrong with pictures, before an error about too many of them.
        folder: Folder of a mapped file, so that the array need not fit in memory and an interrupted call can be
            continued; None keeps the array in memory.

    Raises:
        DataError: Too many pictures are corrupt or too large, or one is of another size or mode than the first.
        DiskFullError: The array doesn't fit on the disk.
    """
    decode = partial(decode_picture, resolution=resolution, channels=channels)
    identity = digest_of_bytes(repr((resolution, channels, source, [name for name, _ in pictures])).encode())
    progress = _Progress(identity) if folder is None else _Progress.load(folder, identity)
    first, faults = _first(map(decode, pictures))
    if first is not None:
        pixels = _array((len(pictures), *first.shape), folder, begun=progress.done > 0)
        for batch in _decoded(pictures, decode, progress.done):
            for name, found in batch:
                fault = found if isinstance(found, Fault) else _misfit(name, found, first)
                if fault is None:
                    pixels[progress.kept] = found
                else:
                    progress.faults.append(fault)
                progress.done += 1
            if isinstance(pixels, np.memmap) and folder is not None:
                pixels.flush()
                progress.save(folder)
        faults = progress.faults
    on_faults(faults)
    _require_usable(faults, pictures, first, source=source, tolerated=tolerated)
    unusable = {fault.name for fault in faults}
    rows = [row for row, (name, _) in enumerate(pictures) if name not in unusable]
    return PackedPictures(torch.from_numpy(pixels[: len(rows)]), rows, faults)


def _first(decoded: Iterable[NDArray[np.uint8] | Fault]) -> tuple[NDArray[np.uint8] | None, list[Fault]]:
    """Returns the first picture that can be used, and the faults of the pictures before it."""
    faults: list[Fault] = []
    for found in decoded:
        if not isinstance(found, Fault):
            return found, faults
        faults.append(found)
    return None, faults


def _array(shape: tuple[int, ...], folder: Path | None, *, begun: bool) -> NDArray[np.uint8]:
    if folder is None:
        return np.empty(shape, dtype=np.uint8)
    folder.mkdir(parents=True, exist_ok=True)
    if not begun:
        open_memmap(folder / _PIXELS, mode="w+", dtype=np.uint8, shape=shape).flush()
    take_space(folder / _PIXELS, (folder / _PIXELS).stat().st_size)
    return open_memmap(folder / _PIXELS, mode="r+")


def _decoded(
    pictures: Sequence[Picture], decode: Callable[[Picture], NDArray[np.uint8] | Fault], begin: int
) -> Iterator[list[tuple[str, NDArray[np.uint8] | Fault]]]:
    bar = tqdm(total=len(pictures), initial=begin, desc="reading images", unit="image", leave=False, delay=1)
    # Pillow decodes outside of Python's lock.
    with bar, ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(begin, len(pictures), _AT_ONCE):
            some = pictures[start : start + _AT_ONCE]
            yield list(zip((name for name, _ in some), pool.map(decode, some), strict=True))
            bar.update(len(some))


def _misfit(name: str, found: NDArray[np.uint8], first: NDArray[np.uint8]) -> Fault | None:
    if found.shape == first.shape:
        return None
    depth, height, width = found.shape
    return Fault(name, "form", f"{width}x{height}, {depth} channels")


def _require_usable(
    faults: list[Fault],
    pictures: Sequence[Picture],
    first: NDArray[np.uint8] | None,
    *,
    source: str,
    tolerated: float,
) -> None:
    corrupt, huge, odd_modes, misfits = (
        [fault for fault in faults if fault.kind == kind] for kind in ("corrupt", "huge", "mode", "form")
    )
    if odd_modes:
        raise DataError(
            f"image{'s' if len(odd_modes) > 1 else ''} {_some(odd_modes)} of {source}",
            found=f"mode {', '.join(sorted({fault.detail for fault in odd_modes}))}",
            expected="mode L (grey) or RGB (colour)",
            remedy="Convert these images, or give channels=1 or channels=3 to have all images converted.",
        )
    if misfits and first is not None:
        others = {fault.name for fault in faults}
        like = next(name for name, _ in pictures if name not in others)
        depth, height, width = first.shape
        raise DataError(
            f"images of {source}",
            found=f"images of another size or mode than {like}, such as {misfits[0].name} "
            f"({misfits[0].detail}); {len(misfits)} in all: {_some(misfits)}",
            expected=f"images of {width}x{height} pixels with {depth} channels",
            remedy="Remove these images, or give resolution and channels to bring all images to one form.",
        )
    if len(corrupt) + len(huge) <= tolerated * len(pictures) and first is not None:
        return
    if corrupt:
        raise DataError(
            f"images of {source}",
            found=f"files that can't be decoded ({len(corrupt)} in all): {_some(corrupt)}",
            expected=_expected("image files that can be decoded", tolerated),
            remedy="Repair or remove these files.",
        )
    raise DataError(
        f"images of {source}",
        found=f"files with more than {MOST_PIXELS / 1e6:.0f} million pixels ({len(huge)} in all): {_some(huge)}",
        expected=_expected("images that fit in memory", tolerated),
        remedy="Make these images smaller, or remove them.",
    )


def _expected(rule: str, tolerated: float) -> str:
    return f"{rule}, except for at most {tolerated:.1%}, which are left out" if tolerated else rule


def _some(faults: list[Fault]) -> str:
    rest = len(faults) - _NAMED_AT_MOST
    return ", ".join(fault.name for fault in faults[:_NAMED_AT_MOST]) + (f" and {rest} more" if rest > 0 else "")
