"""The voice of a clip as features, by a speaker encoder with the weights that the package Resemblyzer brings.

The encoder is that of Wan et al., Generalized End-to-End Loss for Speaker Verification, 2018 (GE2E). It is written here
from the paper: three layers of LSTM over the powers of 40 mel bands, and a linear layer
whose output is rectified, as those weights ask, and has the length 1. Of the package only the file is read.
"""

import warnings
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import normalize

from lds_mlflow.domains.sound.spectra import RATE, WINDOW, powers_of
from lds_mlflow.errors import ArtifactError, first_line
from lds_mlflow.machine.batches import in_batches
from lds_mlflow.machine.files import digest_of_file
from lds_mlflow.machine.packages import require_packages

__all__ = ["INSTALLED", "SpeakerExtractor"]

INSTALLED = {"resemblyzer": "resemblyzer"}
"""The package that brings the weights; without its dependencies, of which one has to be compiled."""

_RATE, _WINDOW, _BANDS = 16_000, 400, 40
_FRAMES = 160
"""Frames of an utterance: 1.6 s, to which shorter clips are padded."""
_LOUDNESS = -30.0
"""Decibels of full scale to which quieter clips are raised."""
_WIDTH, _LAYERS = 256, 3
_BATCH = 64


class SpeakerExtractor(nn.Module):
    """The speaker encoder.

    Args:
        weights: A file of weights as Resemblyzer has it; None takes that of the installed package.
        device: Where to compute.

    Raises:
        ConfigError: There is no file, and the package is not installed.
        ArtifactError: The file is missing, or does not fit.
    """

    resize = "none"

    def __init__(self, weights: Path | None = None, device: str = "cpu") -> None:
        super().__init__()
        path = weights or _installed()
        self.lstm = nn.LSTM(_BANDS, _WIDTH, _LAYERS, batch_first=True)
        self.linear = nn.Linear(_WIDTH, _WIDTH)
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)["model_state"]
            self.load_state_dict({name: state[name] for name in self.state_dict()})
        except Exception as error:
            # What torch raises of a file that is none of its own is documented nowhere.
            raise ArtifactError(
                f"weights of the speaker encoder, {path}",
                found=first_line(error),
                expected="the file pretrained.pt of the package resemblyzer",
                remedy="Give feature_weights=PATH of that file, or leave it out and install the package.",
            ) from error
        self.eval().to(device)
        self.name = f"speaker-{digest_of_file(path)[:8]}"

    def forward(self, mels_BTF: Tensor) -> Tensor:
        """Maps powers of mel bands, [B, T, 40], to features of the length 1, [B, 256]."""
        _, (hidden, _) = self.lstm(mels_BTF)
        raw: Tensor = self.linear(hidden[-1]).relu()
        return normalize(raw)

    def features(self, pictures_N: Tensor, /) -> Tensor:
        """See Extractor; takes pictures of sound, uint8 [N, 1, 64, 64]."""
        device = self.linear.weight.device
        return in_batches(lambda some: self(_mels(some.cpu()).to(device)), pictures_N, _BATCH, "speaker features")


def _installed() -> Path:
    require_packages("the speaker encoder", INSTALLED, options="--no-deps")
    spec = find_spec("resemblyzer")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "pretrained.pt"


def _mels(pictures_N: Tensor) -> Tensor:
    """Returns the powers of 40 bands of pictures' sound, as loud as the encoder knows it, float32 [N, 160, 40].

    The encoder hears windows of 25 ms of 16,000 samples a second, and a picture has windows of 32 ms of 8,000, both
    every 10 ms. The spectra are those of the same sound, so no phases have to be found for it.
    """
    powers = powers_of(pictures_N)
    both_sides = 2 * powers.sum(1) - powers[:, 0] - powers[:, -1]
    mean_square = np.maximum(both_sides.mean(1) / (WINDOW * _energy(WINDOW)), 1e-20)
    louder = np.maximum(1, 10 ** (_LOUDNESS / 10) / mean_square)
    # A window has the energy of its length, a spectrum the density of its rate, and a sum over bins that of bins.
    scale = _energy(_WINDOW) / _energy(WINDOW) * (_RATE / RATE) * (RATE / WINDOW) / (_RATE / _WINDOW)
    mels = _bands() @ powers * (scale * louder)[:, None, None]
    padded = np.zeros((len(mels), _FRAMES, _BANDS), dtype=np.float32)
    padded[:, : mels.shape[2]] = mels.transpose(0, 2, 1)
    return torch.from_numpy(padded)


@cache
def _bands() -> NDArray[np.float32]:
    """Returns the weights of the encoder's bands for the spectra of pictures, [40, 129]; those above 4 kHz are 0."""
    n_fft = WINDOW * _RATE // RATE
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Empty filters", UserWarning)
        basis: NDArray[np.float32] = import_module("librosa").filters.mel(sr=_RATE, n_fft=n_fft, n_mels=_BANDS)
    return basis[:, : WINDOW // 2 + 1]


def _energy(window: int) -> float:
    """Returns the energy of a Hann window, whose mean square is 3/8."""
    return 3 / 8 * window
