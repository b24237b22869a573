"""Sound as a kind of examples: stored and shown as pictures of its spectrum, and played."""

import base64
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor
from typing_extensions import override

from lds_mlflow.choices.data_sources import A_PATH, DATA_SOURCES, data_source_of
from lds_mlflow.data import PICTURES, Reading, is_mostly, load_files
from lds_mlflow.domains.domain import Gallery, Quality
from lds_mlflow.domains.images import Images
from lds_mlflow.domains.sound.clips import SOUND_FILES, pack_clips
from lds_mlflow.domains.sound.spectra import SIDE, wav_of, waves_of
from lds_mlflow.errors import ConfigError
from lds_mlflow.values import ExampleSet

__all__ = ["SOUND", "Sound"]

SOUND = "sound"
"""The key of this kind of examples in DOMAINS."""

_HEARD = 8
"""Clips that a run keeps beside a picture."""


def _wav(picture: Tensor) -> bytes:
    return wav_of(waves_of(picture[None])[0])


def _base64_of(picture: Tensor) -> str:
    return base64.b64encode(_wav(picture)).decode("ascii")


class Sound(Images):
    """Sound; see Domain. Its pictures, uint8 [N, 1, 64, 64], are handled as images where nothing else is said."""

    name = SOUND
    suffix = ".wav"
    column = "sound"
    packages: Mapping[str, str] = {"librosa": "librosa", "soundfile": "soundfile"}
    formats: Mapping[str, Callable[[Tensor], Any]] = {"wav": _base64_of, **Images.formats}
    gallery: Gallery | None = Gallery(
        Path(__file__).parent.parent / "gallery.html", "sound", besides={"wav": "audio/wav"}, archived="wav"
    )
    qualities: Mapping[str, Quality] = {}

    @override
    def takes(self, source: str) -> bool:
        """Returns whether a folder or a zip holds more files of sound than images."""
        kind, place = data_source_of(source)
        return kind is DATA_SOURCES[A_PATH] and is_mostly(SOUND_FILES, PICTURES, Path(place))

    @override
    def load(self, source: str, reading: Reading) -> ExampleSet:
        """See Domain; clips become pictures of 64 x 64."""
        for name, allowed in (("resolution", (0, SIDE)), ("channels", (0, 1))):
            if (given := getattr(reading, name)) not in allowed:
                raise ConfigError(
                    name,
                    found=f"{given}, with data that is sound",
                    expected=f"{allowed[1]}: sound becomes grey pictures of {SIDE} x {SIDE}",
                    remedy=f"Leave {name} out.",
                )
        return load_files(Path(source), reading, kind=SOUND_FILES, pack=pack_clips, domain=self.name)

    @override
    def describe(self, examples: ExampleSet) -> str:
        """Returns for example "3,000 clips of sound"."""
        return f"{len(examples):,} clips of sound"

    @override
    def file_content(self, example: Tensor) -> bytes:
        """Returns a clip as wav."""
        return _wav(example)

    @override
    def files(self, examples_N: Tensor, /) -> Mapping[str, bytes]:
        """Returns the first eight clips as wav."""
        return {f"{place:02}.wav": wav_of(wave) for place, wave in enumerate(waves_of(examples_N[:_HEARD]))}
