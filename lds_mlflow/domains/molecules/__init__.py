"""Molecules as a kind of examples: sequences of SELFIES tokens, drawn as structures, answered as SMILES.

The chemistry needs the packages of the extra `molecules`, which are imported when they are used.
"""

from lds_mlflow.domains.molecules.domain import Molecules

__all__ = ["Molecules"]
