"""SMILES and SELFIES of molecules, by RDKit and the package selfies."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import selfies
from rdkit import Chem, rdBase
from torch import Tensor

from lds_mlflow.domains.molecules.tokens import selfies_of

__all__ = ["canonical", "largest_part", "molecule", "molecules_of", "smiles_of", "tokens_of"]

_REMEMBERED = 200_000


def molecule(smiles: str) -> Any:
    """Returns RDKit's molecule of a SMILES, or None where it is none."""
    with rdBase.BlockLogs():
        return Chem.MolFromSmiles(smiles) if smiles else None


def canonical(smiles: str) -> str:
    """Returns the one spelling of a molecule that RDKit chooses of all, or "" where the text is no molecule."""
    read = molecule(smiles)
    return "" if read is None else str(Chem.MolToSmiles(read))


def largest_part(smiles: str) -> str:
    """Returns the part of a canonical SMILES with the most atoms, hydrogen aside: a salt without its counterions."""
    parts = smiles.split(".")
    return smiles if len(parts) == 1 else max(parts, key=lambda part: (molecule(part).GetNumHeavyAtoms(), part))


def tokens_of(smiles: str) -> list[str]:
    """Returns the names of the tokens of a molecule in SELFIES, without brackets; none where SELFIES can't write it."""
    try:
        written = selfies.encoder(smiles)
    except selfies.EncoderError:
        return []
    return [token[1:-1] for token in selfies.split_selfies(written)]


def smiles_of(examples_N: Tensor) -> list[str]:
    """Returns the canonical SMILES of stored molecules, [N, L]; "" for what is no molecule."""
    return [_smiles(text) for text in selfies_of(examples_N)]


def molecules_of(smiles: Sequence[str]) -> list[Any]:
    """Returns RDKit's molecules of canonical SMILES, without those that are ""."""
    return [molecule(text) for text in smiles if text]


@lru_cache(maxsize=_REMEMBERED)
def _smiles(text: str) -> str:
    try:
        return canonical(selfies.decoder(text)) if text else ""
    except selfies.DecoderError:
        return ""
