"""A control that fools naive figures: training molecules with a carbon atom more.

Renz et al., On Failure Modes in Molecule Generation and Optimization, 2019, call it AddCarbon: nearly all of its
molecules are valid, new and different, and their distribution is nearly that of the data, although nothing was learned.
"""

from collections.abc import Sequence

import numpy as np

from lds_mlflow.domains.molecules.smiles import canonical

__all__ = ["with_a_carbon"]


def with_a_carbon(smiles: Sequence[str], *, known: frozenset[str], seed: int = 0) -> list[str]:
    """Returns each molecule with a carbon atom at a random place, where that gives one that is not known.

    Args:
        smiles: Canonical SMILES.
        known: Canonical SMILES of the molecules that are not to be found again.
        seed: Determines the places.
    """
    random = np.random.default_rng(seed)
    return [_with_a_carbon(text, known, random) for text in smiles]


def _with_a_carbon(smiles: str, known: frozenset[str], random: np.random.Generator) -> str:
    for place in random.permutation(len(smiles)) + 1:
        found = canonical(f"{smiles[:place]}C{smiles[place:]}")
        if found and found not in known:
            return found
    return smiles
