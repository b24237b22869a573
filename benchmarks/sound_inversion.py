"""What is lost of a sound when it becomes a picture and is heard again.

    pip install -e '.[bench]' pystoi pesq        # pesq has to be compiled
    python -m benchmarks.sound_inversion spoken-digits.zip            # about 6 minutes on two cores
    python -m benchmarks.sound_inversion spoken-digits.zip --every 10

Clips that fit into a picture are compared with the sound of their own pictures: by STOI (Taal et al., An Algorithm for
Intelligibility Prediction of Time-Frequency Weighted Noisy Speech, 2011), by PESQ in narrow band (ITU-T P.862), and by
support vector machines that read the parts of the files' names (the digit, and the speaker, of spoken digits). One is
trained on pictures of half of the clips and reads the other half, and one does the same with the pictures of what is
heard. The last line is one JSON object.
"""

import json
import warnings
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path

import click
import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from torch import Tensor

from lds_mlflow.data import Picture
from lds_mlflow.data.archive import open_archive
from lds_mlflow.data.names import table_of_names
from lds_mlflow.domains.sound.clips import Clip, decode_clip
from lds_mlflow.domains.sound.spectra import RATE, SAMPLES, picture_of, waves_of

__all__ = ["main"]

_SHORTEST = RATE // 4
"""PESQ takes no less than a quarter of a second."""
_COMPONENTS = 100


@click.command()
@click.argument("data", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--every", default=1, show_default=True, help="Take one of so many clips.")
def main(data: Path, every: int) -> None:
    """Measures what is lost of the clips of a zip."""
    with open_archive(data) as archive:
        names = [name for name in archive.members if name.endswith((".wav", ".flac", ".ogg"))][::every]
        clips: list[Picture] = [(name, partial(archive.open, name)) for name in names]
        decoded = [decode_clip(clip) for clip in clips]
        kept = {row: clip for row, clip in enumerate(decoded) if isinstance(clip, Clip) and not clip.is_cut}
        waves = [_wave(clips[row]) for row in kept]
    pictures_N = torch.stack([torch.from_numpy(clip.picture) for clip in kept.values()])
    heard = waves_of(pictures_N)
    found = {"clips": len(names), "share_that_fits": len(kept) / len(names), **_likeness(waves, heard)}
    again_N = torch.stack([_again(sound) for sound in heard])
    table = table_of_names([names[row] for row in kept])
    for column in () if table is None else ("name_1", "name_2"):
        found |= _read_before_and_after(column, pictures_N, again_N, table.rows[column].tolist() if table else [])
    for name, value in found.items():
        click.echo(f"{name}: {value:.4g}")
    click.echo(json.dumps(found))


def _wave(clip: Picture) -> NDArray[np.float32]:
    with clip[1]() as content:
        values, rate = import_module("soundfile").read(content, dtype="float32", always_2d=True)
    wave: NDArray[np.float32] = values.mean(1)
    if rate != RATE:
        wave = import_module("librosa").resample(wave, orig_sr=rate, target_sr=RATE)
    return np.asarray(wave / np.abs(wave).max(), dtype=np.float32)


def _again(sound: Tensor) -> Tensor:
    return torch.from_numpy(picture_of((sound / sound.abs().max().clamp(min=1e-9)).numpy()[:SAMPLES]))


def _likeness(waves: list[NDArray[np.float32]], heard: Tensor) -> dict[str, float]:
    """Returns the means of STOI and PESQ, of clips that are long enough for them."""
    stoi, pesq = import_module("pystoi").stoi, import_module("pesq")
    scores: dict[str, list[float]] = {"stoi": [], "pesq": []}
    for wave, sound in zip(waves, heard.numpy(), strict=True):
        if len(wave) < _SHORTEST:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            # STOI warns of clips in which too little is said for it.
            with suppress(RuntimeWarning):
                scores["stoi"].append(float(stoi(wave, sound[: len(wave)], RATE)))
        with suppress(pesq.NoUtterancesError, pesq.BufferTooShortError):
            scores["pesq"].append(float(pesq.pesq(RATE, wave, sound[: len(wave)], "nb")))
    return {name: float(np.mean(values)) for name, values in scores.items()} | {
        f"{name}_clips": float(len(values)) for name, values in scores.items()
    }


def _read_before_and_after(name: str, pictures_N: Tensor, again_N: Tensor, labels: list[str]) -> dict[str, float]:
    y_N, order = np.array(labels), np.random.default_rng(0).permutation(len(labels))
    train, test = order[: len(order) // 2], order[len(order) // 2 :]
    accuracy = {}
    for when, pictures in (("before", pictures_N), ("after", again_N)):
        x_NP = pictures.flatten(1).numpy() / 255
        machine = make_pipeline(StandardScaler(), PCA(min(_COMPONENTS, len(train) - 1), random_state=0), SVC(C=10))
        accuracy[f"{name}_accuracy_{when}"] = float(machine.fit(x_NP[train], y_N[train]).score(x_NP[test], y_N[test]))
    return accuracy


if __name__ == "__main__":
    main()
