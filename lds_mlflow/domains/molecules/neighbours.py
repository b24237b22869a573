"""Nearly equal molecules in different parts: those of one fingerprint."""

from itertools import combinations

import torch

from lds_mlflow.data import DuplicatePair, NearDuplicates
from lds_mlflow.domains.molecules.fingerprints import fingerprints, nearest
from lds_mlflow.domains.molecules.smiles import smiles_of
from lds_mlflow.values import Splits

__all__ = ["near_duplicates_of_molecules"]

_LEAST = 0.999
_KEPT = 10_000


def near_duplicates_of_molecules(splits: Splits) -> NearDuplicates:
    """Returns molecules whose most similar one of another part has the same fingerprint.

    Such pairs are mirror images, or chains of another length. Their `correlation` is Tanimoto's coefficient.
    """
    parts = {"train": splits.train, "select": splits.select, "test": splits.test}
    bits = {name: fingerprints(smiles_of(part.examples_N)) for name, part in parts.items()}
    counts: dict[tuple[str, str], int] = {}
    found: list[DuplicatePair] = []
    for one, other in combinations(parts, 2):
        similarity, rows = nearest(bits[one], bits[other])
        alike = (similarity > _LEAST).nonzero().flatten()
        counts[one, other] = len(alike)
        found += [
            DuplicatePair(one, other, i, j, parts[one].ids_N[i], parts[other].ids_N[j], float(similarity[i]))
            for i, j in torch.stack([alike, rows[alike]], 1).tolist()
        ]
    return NearDuplicates(counts, tuple(found[:_KEPT]))
