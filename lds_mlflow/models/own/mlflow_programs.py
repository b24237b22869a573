"""Reads an encoder and a decoder that MLflow has saved as programs: two folders, each with MLmodel and a .pt2 file."""

from pathlib import Path
from typing import Any

import torch
import yaml

from lds_mlflow.errors import ArtifactError
from lds_mlflow.machine.plain_yaml import plain
from lds_mlflow.models.own.facts import Facts
from lds_mlflow.models.own.pair import pair_weights, rows_program
from lds_mlflow.values import ModelWeights

__all__ = ["MLMODEL", "read_mlflow"]

MLMODEL = "MLmodel"
"""The file that describes a model of MLflow."""

_PROGRAM = "data/model.pt2"
_USUAL_RANGE = [-1, 1]
_EXPECTED = "a mapping in YAML, whose metadata are a mapping too"
_REMEDY = "Log the network by mlflow.pytorch.log_model(..., serialization_format='pt2', input_example=...)."


@torch.no_grad()
def read_mlflow(encoder: Path, decoder: Path, example_shape: tuple[int, ...]) -> ModelWeights:
    """Returns an exported pair of two models of MLflow.

    The metadata of the encoder may name the `value_range`, and otherwise it is -1..1; `licence` and `name` too.

    Args:
        encoder: The folder of the encoder.
        decoder: The folder of the decoder.
        example_shape: The shape of the examples that it is used with.

    Raises:
        ArtifactError: A folder has no program, MLmodel or a program is damaged, or the encoder takes no such examples.
    """
    encoding, decoding = _program(encoder), _program(decoder)
    said = _metadata(encoder)
    example = torch.zeros(example_shape)
    latents_BD = rows_program(encoding, example, f"the encoder in {encoder}")(example[None])[0]
    usual = {"value_range": _USUAL_RANGE, "name": encoder.name}
    shapes = {"example_shape": list(example_shape), "latent_shape": list(latents_BD.shape[1:])}
    return pair_weights(Facts.of({**usual, **said, **shapes}, str(encoder / MLMODEL)), encoding, decoding)


def _program(folder: Path) -> bytes:
    path = folder / _PROGRAM
    if not path.is_file():
        raise ArtifactError(
            str(folder), found=f"no {_PROGRAM}", expected="a model that is saved as pt2", remedy=_REMEDY
        )
    return path.read_bytes()


def _metadata(folder: Path) -> dict[str, Any]:
    path = folder / MLMODEL
    try:
        found = yaml.safe_load(plain(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, ValueError) as error:
        raise ArtifactError.because(error, str(path), expected=_EXPECTED, remedy=_REMEDY) from error
    said = (found.get("metadata") or {}) if isinstance(found, dict) else None
    if not isinstance(said, dict):
        raise ArtifactError(str(path), found="something else", expected=_EXPECTED, remedy=_REMEDY)
    return said
