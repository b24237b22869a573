"""Numbers that chemists read of a molecule, and its scaffold, by RDKit."""

from functools import lru_cache
from importlib import import_module
from typing import Any, NamedTuple

import torch
from rdkit.Chem import QED, rdMolDescriptors
from rdkit.Chem.Scaffolds import MurckoScaffold
from torch import Tensor

from lds_mlflow.domains.molecules.smiles import molecule, smiles_of

__all__ = ["PROPERTIES", "Properties", "properties_of", "qed_of", "scaffold_of"]

_REMEMBERED = 100_000


class Properties(NamedTuple):
    """Properties of a molecule.

    Attributes:
        qed: How much it is like a drug, 0..1 (Bickerton et al., Quantifying the Chemical Beauty of Drugs, 2012).
        logp: The logarithm of how much better it dissolves in octanol than in water (Wildman and Crippen, 1999).
        sa: How hard it is to make, 1..10 (Ertl and Schuffenhauer, Estimation of Synthetic Accessibility Score, 2009).
    """

    qed: float
    logp: float
    sa: float


PROPERTIES = {"qed": "QED", "logp": "logP", "sa": "synthetic accessibility"}
"""What people call the properties."""


@lru_cache(maxsize=_REMEMBERED)
def properties_of(smiles: str) -> Properties | None:
    """Returns the properties of a canonical SMILES, or None where it has no atom but hydrogen."""
    read = molecule(smiles)
    if read is None or not read.GetNumHeavyAtoms():
        return None
    return Properties(
        float(QED.qed(read)),
        float(rdMolDescriptors.CalcCrippenDescriptors(read)[0]),
        float(_sa_scorer().calculateScore(read)),
    )


def qed_of(examples_N: Tensor) -> Tensor:
    """Returns how much each of stored molecules is like a drug, float64 [N]; 0 for what is no molecule."""
    found = [properties_of(smiles) for smiles in smiles_of(examples_N)]
    return torch.tensor([0.0 if one is None else one.qed for one in found], dtype=torch.float64)


@lru_cache(maxsize=_REMEMBERED)
def scaffold_of(smiles: str) -> str:
    """Returns the rings of a molecule and what joins them (Bemis and Murcko, 1996), as a SMILES; "" without rings."""
    read = molecule(smiles)
    return "" if read is None else str(MurckoScaffold.MurckoScaffoldSmiles(mol=read))


@lru_cache(maxsize=1)
def _sa_scorer() -> Any:
    # It is a program that comes with RDKit, and no part of its packages.
    return import_module("rdkit.Contrib.SA_Score.sascorer")
