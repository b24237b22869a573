"""Many pictures -> one array, in memory or in a mapped file, from which interrupted packing continues."""

import json
import os
import warnings
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import torch
from numpy.lib.format import open_memmap
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from lds_mlflow.data.faults import Fault, require_usable
from lds_mlflow.data.pixels import Decoded, Picture, decode_picture
from lds_mlflow.data.treatments import SIXTEEN_BITS, Treatment, describe_treatments, white_of
from lds_mlflow.errors import DataError
from lds_mlflow.machine.files import digest_of_bytes, take_space, write_atomically
from lds_mlflow.machine.progress import progress_bar

__all__ = ["PackedPictures", "pack_pictures"]

_AT_ONCE = 256
"""Pictures after which progress is written down."""
_TOGETHER = 16
"""Pictures that a thread decodes one after the other, since to hand one over takes as long as to decode a small one."""
_LOCKED_SECONDS = 150e-6
"""Time that a picture takes from all threads: Python's lock is held by one at a time, and given on several times."""
_PIXELS, _PROGRESS = "pixels.npy", "progress.json"


@dataclass(frozen=True, slots=True)
class PackedPictures:
    """Pictures as one array.

    Attributes:
        images_NCHW: Pixels, uint8 [N, C, H, W], of those that can be used.
        rows_N: The place of each among the pictures.
        faults: What is wrong with the others.
        notes: What was done to show pictures as a person sees them, in sentences that count the pictures.
    """

    images_NCHW: Tensor
    rows_N: list[int]
    faults: list[Fault]
    notes: list[str]


@dataclass(slots=True)
class _Progress:
    identity: str
    white: int = SIXTEEN_BITS
    done: int = 0
    faults: list[Fault] = field(default_factory=list)
    treatments: Counter[Treatment] = field(default_factory=Counter)
    brightest: int = 0

    @property
    def kept(self) -> int:
        return self.done - len(self.faults)

    def note(self, decoded: Decoded) -> None:
        if decoded.treatments:
            self.treatments.update(decoded.treatments)
            self.brightest = max(self.brightest, decoded.brightest)

    def save(self, folder: Path) -> None:
        content = json.dumps({name: getattr(self, name) for name in self.__slots__})
        write_atomically(folder / _PROGRESS, lambda path: path.write_text(content))

    @classmethod
    def load(cls, folder: Path, identity: str) -> "_Progress":
        try:
            found = json.loads((folder / _PROGRESS).read_text())
            faults, treatments = [Fault(*fault) for fault in found["faults"]], Counter(found["treatments"])
            numbers = (found[name] for name in ("white", "done", "brightest"))
            white, done, brightest = map(int, numbers)
            is_same = found["identity"] == identity and (folder / _PIXELS).is_file()
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return cls(identity)
        return cls(identity, white, done, faults, treatments, brightest) if is_same else cls(identity)


@contextmanager
def _without_warnings_of_size() -> Iterator[None]:
    # Pillow warns of less than it refuses; here it is refused. The filters are those of all threads.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        yield


@_without_warnings_of_size()
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
        tolerated: Share of the pictures that may be left out: corrupt, locked, linked, or too large.
        on_faults: Takes what is wrong with pictures, before an error about too many of them.
        folder: Folder of a mapped file, so that the array need not fit in memory and an interrupted call can be
            continued; None keeps the array in memory.

    Raises:
        DataError: Too many pictures can't be read, one has pixels or values for which there is no rule, or one is of
            another size or mode than the first.
        DiskFullError: The array doesn't fit on the disk.
    """
    decode = partial(decode_picture, resolution=resolution, channels=channels)
    identity = digest_of_bytes(repr((resolution, channels, source, [name for name, _ in pictures])).encode())
    progress = _Progress(identity) if folder is None else _Progress.load(folder, identity)
    first, faults = _first(map(decode, pictures))
    form, place = None if first is None else first.pixels_CHW.shape, len(faults)
    pixels = np.empty(0, dtype=np.uint8)
    if form is not None:
        pixels = _array((len(pictures), *form), folder, begun=progress.done > 0)
        _fill(pixels, pictures, decode, progress, folder)
        if progress.brightest and progress.white != white_of(progress.brightest):
            # Only now is the range of all pictures known.
            _require_upper_bits(progress, source)
            progress = _Progress(identity, white=white_of(progress.brightest))
            _fill(pixels, pictures, decode, progress, folder)
        faults = progress.faults
    on_faults(faults)
    first_name = pictures[place][0] if form is not None else ""
    require_usable(faults, len(pictures), first=first_name, form=form, source=source, tolerated=tolerated)
    unusable = {fault.name for fault in faults}
    rows = [row for row, (name, _) in enumerate(pictures) if name not in unusable]
    notes = describe_treatments(progress.treatments, progress.white)
    return PackedPictures(torch.from_numpy(pixels[: len(rows)]), rows, faults, notes)


def _first(decoded: Iterable[Decoded | Fault]) -> tuple[Decoded | None, list[Fault]]:
    """Returns the first picture that can be used, and the faults of the pictures before it."""
    faults: list[Fault] = []
    for found in decoded:
        if isinstance(found, Decoded):
            return found, faults
        faults.append(found)
    return None, faults


def _fill(
    pixels: NDArray[np.uint8],
    pictures: Sequence[Picture],
    decode: Callable[..., Decoded | Fault],
    progress: _Progress,
    folder: Path | None,
) -> None:
    """Decodes the pictures that are not done yet, and writes down progress after each batch of them."""
    begin, total = progress.done, len(pictures)
    names = (name for name, _ in pictures[begin:])
    bar = progress_bar(total, "reading images", unit="image", done=begin, delay=1, leave=False)
    with bar, closing(_found(pictures[begin:], partial(decode, white=progress.white))) as found_N:
        for name, found in zip(names, found_N, strict=True):
            fault = found if isinstance(found, Fault) else _misfit(name, found.pixels_CHW, pixels.shape[1:])
            if isinstance(found, Decoded) and fault is None:
                pixels[progress.kept] = found.pixels_CHW
                progress.note(found)
            elif fault is not None:
                progress.faults.append(fault)
            progress.done += 1
            is_batch_done = progress.done % _AT_ONCE == 0 or progress.done == total
            if is_batch_done and isinstance(pixels, np.memmap) and folder is not None:
                pixels.flush()
                progress.save(folder)
            bar.update()


def _require_upper_bits(progress: _Progress, source: str) -> None:
    count = progress.treatments["16-bit colour"]
    if count:
        raise DataError(
            f"images of {source}",
            found=f"{count:,} colour images of 16 bits, of which no value is above {white_of(progress.brightest):,}",
            expected="colour images of 8 bits, or of 16 bits that use their whole range, since the upper 8 are read",
            remedy="Scale all images by one factor to integers from 0 to 255, and save them with 8 bits.",
        )


def _array(shape: tuple[int, ...], folder: Path | None, *, begun: bool) -> NDArray[np.uint8]:
    if folder is None:
        return np.empty(shape, dtype=np.uint8)
    folder.mkdir(parents=True, exist_ok=True)
    if not begun:
        open_memmap(folder / _PIXELS, mode="w+", dtype=np.uint8, shape=shape).flush()
    take_space(folder / _PIXELS, (folder / _PIXELS).stat().st_size)
    return open_memmap(folder / _PIXELS, mode="r+")


def _found(
    pictures: Sequence[Picture], decode: Callable[[Picture], Decoded | Fault]
) -> Generator[Decoded | Fault, None, None]:
    """Decodes in this thread while that is fastest, and from then on in several."""
    done, n_threads = 0, 1
    while done < len(pictures) and n_threads == 1:
        seconds = []
        for picture in pictures[done : done + _TOGETHER]:
            start = perf_counter()
            found = decode(picture)
            seconds.append(perf_counter() - start)
            yield found
        done += len(seconds)
        n_threads = _useful_threads(median(seconds))
    if done < len(pictures):
        yield from _in_threads(pictures[done:], decode, n_threads)


def _useful_threads(seconds: float) -> int:
    """Returns how many threads decode pictures faster than one, if one takes `seconds` for a picture."""
    return max(1, min(os.cpu_count() or 1, int(seconds / _LOCKED_SECONDS)))


def _in_threads(
    pictures: Sequence[Picture], decode: Callable[[Picture], Decoded | Fault], n_threads: int
) -> Iterator[Decoded | Fault]:
    """Decodes in threads, which go on while the caller stores what is done; at most `_AT_ONCE` are ahead of it."""
    parts = (pictures[start : start + _TOGETHER] for start in range(0, len(pictures), _TOGETHER))
    with ThreadPoolExecutor(n_threads) as pool:
        ahead = deque(pool.submit(_all, decode, part) for part in islice(parts, _AT_ONCE // _TOGETHER))
        while ahead:
            yield from ahead.popleft().result()
            ahead.extend(pool.submit(_all, decode, part) for part in islice(parts, 1))


def _all(decode: Callable[[Picture], Decoded | Fault], pictures: Sequence[Picture]) -> list[Decoded | Fault]:
    return [decode(picture) for picture in pictures]


def _misfit(name: str, pixels_CHW: NDArray[np.uint8], form: tuple[int, ...]) -> Fault | None:
    if pixels_CHW.shape == form:
        return None
    depth, height, width = pixels_CHW.shape
    return Fault(name, "form", f"{width}x{height}, {depth} channels")
