"""Reads an encoder and a decoder that MLflow has saved as programs: two folders, each with MLmodel and a .pt2 file."""

from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor

from lds_mlflow.errors import ArtifactError
from lds_mlflow.models.own.facts import Facts
from lds_mlflow.models.own.pair import pair_weights
from lds_mlflow.models.own.rows import RowsProgram
from lds_mlflow.models.programs import open_program
from lds_mlflow.values import ModelWeights

__all__ = ["MLMODEL", "read_mlflow"]

MLMODEL = "MLmodel"
"""The file that describes a model of MLflow."""

_PROGRAM = "data/model.pt2"
_USUAL_RANGE = (-1.0, 1.0)
_REMEDY = "Log the network by mlflow.pytorch.log_model(..., serialization_format='pt2', input_example=...)."


def read_mlflow(encoder: Path, decoder: Path, example_shape: tuple[int, ...]) -> ModelWeights:
    """Returns an exported pair of two models of MLflow.

    The metadata of the encoder may name the `value_range`, and otherwise it is -1..1; `licence` and `name` too.

    Args:
        encoder: The folder of the encoder.
        decoder: The folder of the decoder.
        example_shape: The shape of the examples that it is used with.

    Raises:
        ArtifactError: A folder has no program, or the encoder takes no such examples.
    """
    encoding, decoding = _program(encoder), _program(decoder)
    said = _metadata(encoder)
    low, high = said.get("value_range", _USUAL_RANGE)
    latent = _latent(encoding, example_shape, encoder)
    facts = Facts(
        example_shape,
        (float(low), float(high)),
        tuple(latent.shape),
        name=str(said.get("name", encoder.name)),
        licence=str(said.get("licence", "")),
    )
    return pair_weights(facts, encoding, decoding)


def _program(folder: Path) -> bytes:
    path = folder / _PROGRAM
    if not path.is_file():
        raise ArtifactError(
            str(folder), found=f"no {_PROGRAM}", expected="a model that is saved as pt2", remedy=_REMEDY
        )
    return path.read_bytes()


def _metadata(folder: Path) -> dict[str, Any]:
    found = yaml.safe_load((folder / MLMODEL).read_text(encoding="utf-8"))
    return dict(found.get("metadata") or {})


@torch.no_grad()
def _latent(content: bytes, example_shape: tuple[int, ...], folder: Path) -> Tensor:
    example = torch.zeros(example_shape)
    try:
        latents_BD: Tensor = RowsProgram(open_program(content), example, f"the encoder in {folder}")(example[None])[0]
    except (RuntimeError, ValueError) as error:
        raise ArtifactError.because(error, f"the encoder in {folder}", expected="a graph", remedy=_REMEDY) from error
    return latents_BD[0]
