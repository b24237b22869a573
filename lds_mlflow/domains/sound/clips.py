"""Sound files to pictures of their spectra, or to what is wrong with them."""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from typing import BinaryIO, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from lds_mlflow.data import UNREADABLE, Fault, FileKind, PackedPictures, Picture, Reading, UnusableError, require_usable
from lds_mlflow.domains.sound.spectra import RATE, SAMPLES, SIDE, WINDOW, picture_of
from lds_mlflow.machine.progress import progress_bar

__all__ = ["SOUND_FILES", "Clip", "decode_clip", "pack_clips"]

_ENDINGS = frozenset({".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff"})

SOUND_FILES = FileKind("sound", "a sound", lambda: _ENDINGS, named_by_class=True)
"""What a folder or a zip of sound holds."""

_LONGEST_SECONDS = 600
_SILENCE = 1e-4


class Clip(NamedTuple):
    """What became of a sound file.

    Attributes:
        picture: Its picture, uint8 [1, 64, 64].
        rate: Its samples a second.
        channels: Its channels.
        is_cut: Whether it is longer than its picture.
    """

    picture: NDArray[np.uint8]
    rate: int
    channels: int
    is_cut: bool


class _Read(NamedTuple):
    wave: NDArray[np.float32]
    rate: int
    channels: int


def decode_clip(picture: Picture) -> Clip | Fault:
    """Decodes a sound file, or says what is wrong with it.

    The mean of its channels is brought to 8,000 samples a second. Of a longer clip the 0.63 s with the most power are
    taken. These are divided by their largest value, so a picture does not know how loud its clip was.

    Args:
        picture: The name of the file, and how to open it.
    """
    name, opener = picture
    try:
        with opener() as content:
            read = _read(content)
        wave = _at_rate(read.wave, read.rate)
        if len(wave) < WINDOW:
            raise UnusableError("short")
        loudest = _loudest(wave)
        peak = np.abs(loudest).max()
        if peak < _SILENCE:
            raise UnusableError("silent")
    except UnusableError as error:
        return Fault(name, error.kind, error.detail)
    except UNREADABLE:
        return Fault(name, "corrupt")
    return Clip(picture_of(loudest / peak), read.rate, read.channels, len(wave) > SAMPLES)


def _read(content: BinaryIO) -> _Read:
    """Reads a sound file; raises UnusableError, or what its library raises."""
    with import_module("soundfile").SoundFile(content) as file:
        if file.frames > _LONGEST_SECONDS * file.samplerate:
            raise UnusableError("long")
        values = file.read(dtype="float32", always_2d=True)
        found = _Read(values.mean(1), file.samplerate, file.channels)
    if not np.isfinite(found.wave).all():
        raise UnusableError("corrupt")
    return found


def _at_rate(wave: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    if rate == RATE or not len(wave):
        return wave
    resampled: NDArray[np.float32] = import_module("librosa").resample(wave, orig_sr=rate, target_sr=RATE)
    return resampled


def _loudest(wave: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns as much of a clip as a picture holds, where its power is largest."""
    if len(wave) <= SAMPLES:
        return wave
    power = np.concatenate([[0.0], np.cumsum(wave.astype(np.float64) ** 2)])
    start = int(np.argmax(power[SAMPLES:] - power[:-SAMPLES]))
    return wave[start : start + SAMPLES]


def pack_clips(clips: Sequence[Picture], reading: Reading, source: str) -> PackedPictures:
    """Decodes sound files into one array of pictures.

    Args:
        clips: Their names and openers.
        reading: Which share may be left out, and who is told of faults.
        source: What to call the whole in a message.

    Raises:
        DataError: Too many of them can't be used.
    """
    found: list[Clip | Fault] = []
    with progress_bar(len(clips), "reading sound", unit="clip", delay=1, leave=False) as bar:
        for clip in clips:
            found.append(decode_clip(clip))
            bar.update()
    faults = [one for one in found if isinstance(one, Fault)]
    rows = [row for row, one in enumerate(found) if isinstance(one, Clip)]
    kept = [one for one in found if isinstance(one, Clip)]
    reading.on_faults(faults)
    form = (1, SIDE, SIDE) if kept else None
    first = clips[rows[0]][0] if rows else ""
    require_usable(
        faults, len(clips), first=first, form=form, source=source, tolerated=reading.tolerated, noun=SOUND_FILES.noun
    )
    return PackedPictures(torch.from_numpy(np.stack([clip.picture for clip in kept])), rows, faults, _notes(kept))


def _notes(clips: list[Clip]) -> list[str]:
    n, rates = len(clips), Counter(clip.rate for clip in clips if clip.rate != RATE)
    count = partial(sum, start=0)
    cut, mixed = count(clip.is_cut for clip in clips), count(clip.channels > 1 for clip in clips)
    each = ", ".join(f"{rate:,} Hz: {number:,}" for rate, number in rates.most_common())
    said = {
        f"Clips of other rates than {RATE:,} Hz, resampled to it: {sum(rates.values()):,} ({each}).": bool(rates),
        f"Clips of several channels, of which the mean is read: {mixed:,}.": mixed,
        f"Clips that are longer than {SAMPLES / RATE:g} s, of which the loudest {SAMPLES / RATE:g} s are read: "
        f"{cut:,} of {n:,} ({cut / max(n, 1):.1%}).": cut,
    }
    return [sentence for sentence, holds in said.items() if holds]
