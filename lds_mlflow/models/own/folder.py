"""Reads an exported pair: a folder with generator.json and two programs."""

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from lds_mlflow.errors import ArtifactError
from lds_mlflow.machine.files import digest_of_file
from lds_mlflow.models.mixture import Mixture
from lds_mlflow.models.own.facts import GENERATOR, Facts
from lds_mlflow.models.own.json_objects import json_object
from lds_mlflow.models.own.pair import DECODER, ENCODER, pair_weights
from lds_mlflow.values import ModelWeights

__all__ = ["DIGESTS", "PRIOR", "read_pair"]

DIGESTS = "sha256"
"""The key of generator.json under which the digests of the files are."""

PRIOR = "prior.safetensors"
"""The file of a prior that is a mixture of Gaussians: the tensors mean_KD and log_variance_KD, in float32."""

_SUFFIXES = (".pt2", ".pt", ".ts")
_REMEDY = "The command export writes such a folder; docs/how-to/own-model.md shows how to write one of your network."


def read_pair(folder: Path) -> ModelWeights:
    """Returns an exported pair.

    Args:
        folder: generator.json, encoder.pt2 and decoder.pt2 (or .pt and .ts of TorchScript).

    Raises:
        ArtifactError: generator.json is damaged, or a file is missing, or has another digest than generator.json says.
    """
    what = str(folder / GENERATOR)
    said = json_object((folder / GENERATOR).read_bytes(), what, _REMEDY)
    facts, digests = Facts.of(said, what), said.get(DIGESTS)
    encoder, decoder = (_content(_file(folder, name), digests) for name in (ENCODER, DECODER))
    prior = _prior(folder / PRIOR, digests) if (folder / PRIOR).is_file() else None
    return pair_weights(facts, encoder, decoder, prior)


def _file(folder: Path, name: str) -> Path:
    found = [path for suffix in _SUFFIXES if (path := folder / f"{name}{suffix}").is_file()]
    if len(found) != 1:
        raise ArtifactError(
            str(folder),
            found=f"{len(found)} files of the {name}",
            expected=f"one: {name}.pt2, or {name}.pt or .ts of TorchScript",
            remedy=_REMEDY,
        )
    return found[0]


def _content(path: Path, digests: Any) -> bytes:
    """Returns the content of a file, whose digest is the one that generator.json says."""
    content = path.read_bytes()
    said = digests.get(path.name) if isinstance(digests, dict) else None
    if said != digest_of_file(path):
        raise ArtifactError(
            str(path),
            found="no digest of it in generator.json" if said is None else "another digest than generator.json says",
            expected=f"its SHA-256, under {DIGESTS} in generator.json",
            remedy="Copy the file again, or, if it is the one that you mean, write down its digest (sha256sum FILE).",
        )
    return content


def _prior(path: Path, digests: Any) -> Mixture:
    _content(path, digests)
    try:
        tensors = load_file(path)
        prior = Mixture(tensors["mean_KD"], tensors["log_variance_KD"])
    except (SafetensorError, KeyError) as error:
        raise ArtifactError.because(
            error, str(path), expected="the tensors mean_KD and log_variance_KD", remedy=_REMEDY
        ) from error
    if prior.mean_KD.dtype != torch.float32 or prior.mean_KD.ndim != 2:
        raise ArtifactError(
            str(path), found=f"mean_KD {list(prior.mean_KD.shape)}", expected="float32 [K, D]", remedy=_REMEDY
        )
    return prior
