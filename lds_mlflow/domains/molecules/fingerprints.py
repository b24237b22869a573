"""Fingerprints of molecules: which of 2,048 groups of neighbouring atoms each has, and how similar these are.

They are Morgan's of radius 2 (ECFP4: Rogers and Hahn, Extended-Connectivity Fingerprints, 2010), by RDKit.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from rdkit.Chem import rdFingerprintGenerator
from torch import Tensor

from lds_mlflow.domains.molecules.smiles import molecule

__all__ = ["N_BITS", "Nearest", "fingerprints", "mean_similarity", "nearest"]

N_BITS = 2048
_RADIUS = 2
_REMEMBERED = 100_000
_TILE = 2048
_GENERATOR = rdFingerprintGenerator.GetMorganGenerator(radius=_RADIUS, fpSize=N_BITS)


class Nearest(NamedTuple):
    """The most similar one of some molecules: similarity_N, float32, and its row_N, int64."""

    similarity_N: Tensor
    row_N: Tensor


def fingerprints(smiles: Sequence[str]) -> Tensor:
    """Returns the fingerprints of canonical SMILES, float32 0 or 1, [N, 2048]; all 0 for ""."""
    packed = np.stack([_packed(text) for text in smiles]) if smiles else np.zeros((0, N_BITS // 8), np.uint8)
    return torch.from_numpy(np.unpackbits(packed, axis=1)).float()


def nearest(bits_NF: Tensor, others_MF: Tensor) -> Nearest:
    """Returns the most similar of others to each molecule by Tanimoto's coefficient, shared over all bits."""
    found = [_similarity(some, others_MF).max(1) for some in bits_NF.split(_TILE)]
    return Nearest(torch.cat([one.values for one in found]), torch.cat([one.indices for one in found]))


def mean_similarity(bits_NF: Tensor) -> Tensor:
    """Returns the mean similarity of each molecule to all of them, itself included, float64 [N]."""
    return torch.cat([_similarity(some, bits_NF).double().mean(1) for some in bits_NF.split(_TILE)])


def _similarity(bits_NF: Tensor, others_MF: Tensor) -> Tensor:
    shared = bits_NF @ others_MF.T
    either = bits_NF.sum(1)[:, None] + others_MF.sum(1) - shared
    return shared / either.clamp_min(1)


@lru_cache(maxsize=_REMEMBERED)
def _packed(smiles: str) -> Any:
    read = molecule(smiles)
    bits = np.zeros(N_BITS, np.uint8) if read is None else _GENERATOR.GetFingerprintAsNumPy(read)
    return np.packbits(bits.astype(bool))
