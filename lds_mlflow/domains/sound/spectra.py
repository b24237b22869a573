"""From sound to a picture of it and back.

A picture is a spectrogram: 64 bands of the mel scale, the highest on top, by 64 times of 10 ms. Its levels 0..255 are
the power of a band from -60 to 20 dB, where 0 dB is the power 1 of a clip whose largest value is 1. The way back takes
the pseudo-inverse of the bands, and finds phases by Griffin and Lim's algorithm, with momentum (Perraudin, Balazs &
Sondergaard, A Fast Griffin-Lim Algorithm, 2013). It starts from phases of zero, so a picture has one sound.
"""

import io
import wave
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["RATE", "SAMPLES", "SIDE", "WINDOW", "picture_of", "powers_of", "wav_of", "waves_of"]

RATE = 8000
"""Samples a second."""

WINDOW, _HOP = 256, 80
"""Samples of a window, and from one window to the next."""

SIDE = 64
"""Bands, and windows, of a picture."""

SAMPLES = (SIDE - 1) * _HOP
"""Samples of a clip that fills a picture: 0.63 s."""

_QUIETEST, _LOUDEST = -60.0, 20.0
"""Decibels of the levels 0 and 255."""

_STEPS = 64
_TOGETHER = 64
_FULL_SCALE = 2**15 - 1


def _librosa() -> Any:
    return import_module("librosa")


@cache
def _bands() -> NDArray[np.float32]:
    """Returns the weights of the bands, [64, 129]."""
    basis: NDArray[np.float32] = _librosa().filters.mel(sr=RATE, n_fft=WINDOW, n_mels=SIDE)
    return basis


@cache
def _inverse() -> NDArray[np.float32]:
    return np.linalg.pinv(_bands())


def picture_of(wave_T: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Returns the picture of a clip, uint8 [1, 64, 64].

    Args:
        wave_T: At most SAMPLES values at RATE, of which the largest is 1; shorter clips end with silence.
    """
    padded = np.pad(wave_T, (0, SAMPLES - len(wave_T)))
    spectrum = _librosa().stft(padded, n_fft=WINDOW, hop_length=_HOP, win_length=WINDOW)
    decibels = 10 * np.log10(np.maximum(_bands() @ np.abs(spectrum) ** 2, 1e-12))
    shares = (decibels - _QUIETEST) / (_LOUDEST - _QUIETEST)
    levels: NDArray[np.uint8] = np.rint(255 * shares.clip(0, 1)).astype(np.uint8)
    return levels[None, ::-1].copy()


def powers_of(pictures_N: Tensor) -> NDArray[np.float32]:
    """Returns the power spectra of pictures, uint8 [N, 1, 64, 64], as float32 [N, 129, 64]; level 0 is silence."""
    levels = pictures_N[:, 0].flip(1).numpy().astype(np.float32)
    decibels = _QUIETEST + levels / 255 * (_LOUDEST - _QUIETEST)
    powers: NDArray[np.float32] = np.where(levels > 0, 10 ** (decibels / 10), 0).astype(np.float32)
    return (_inverse() @ powers).clip(min=0)


def waves_of(pictures_N: Tensor) -> Tensor:
    """Returns the sound of pictures, uint8 [N, 1, 64, 64], as float32 [N, SAMPLES] of -1 to 1 at RATE."""
    if not len(pictures_N):
        return torch.empty(0, SAMPLES)
    return torch.cat([_waves(some) for some in pictures_N.split(_TOGETHER)])


def _waves(pictures_N: Tensor) -> Tensor:
    found = _librosa().griffinlim(
        np.sqrt(powers_of(pictures_N)), n_iter=_STEPS, hop_length=_HOP, win_length=WINDOW, n_fft=WINDOW, init=None
    )
    waves = torch.from_numpy(np.ascontiguousarray(found, dtype=np.float32))
    return waves / waves.abs().amax(1, keepdim=True).clamp(min=1)


def wav_of(wave_T: Tensor) -> bytes:
    """Returns sound, float [T] of -1 to 1 at RATE, as the content of a wav file of 16 bits."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((wave_T * _FULL_SCALE).round().to(torch.int16).numpy().astype("<i2").tobytes())
    return buffer.getvalue()
