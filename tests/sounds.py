"""Small files of sound."""

from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

__all__ = ["folder_of_tones", "tone", "write_sound"]


def tone(frequency: float, seconds: float = 0.5, rate: int = 8000) -> NDArray[np.float32]:
    """Returns a sine, float32 [T], that fades in and out."""
    time = np.arange(round(seconds * rate)) / rate
    values = 0.5 * np.sin(2 * np.pi * frequency * time) * np.hanning(len(time))
    return np.asarray(values, dtype=np.float32)


def write_sound(path: Path, wave: NDArray[np.float32], rate: int = 8000, subtype: str | None = None) -> Path:
    """Writes sound, [T] or [T, channels], in the format that the ending says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, wave, rate, subtype=subtype)
    return path


def folder_of_tones(folder: Path, n: int = 24) -> Path:
    """Writes tones whose names say how high they are, low_00.wav to high_11.wav."""
    for i in range(n):
        name, frequency = ("low", 300) if i % 2 else ("high", 1500)
        write_sound(folder / f"{name}_{i // 2:02}.wav", tone(frequency + 11 * i, 0.3 + 0.01 * i))
    return folder
