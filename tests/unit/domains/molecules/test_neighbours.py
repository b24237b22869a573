from dataclasses import replace

import pytest

from lds_mlflow.domains import domain_of
from lds_mlflow.domains.molecules.tokens import stored
from lds_mlflow.values import ExampleSet, Splits

smiles = pytest.importorskip("lds_mlflow.domains.molecules.smiles", reason="the extra molecules is not installed")


def _part(*texts: str) -> ExampleSet:
    examples = stored([smiles.tokens_of(text) for text in texts])
    return ExampleSet("some", examples, texts, domain="molecules")


def test_molecules_of_one_fingerprint_in_two_parts_are_near_duplicates() -> None:
    left, right = "C[C@H](N)C(=O)O", "C[C@@H](N)C(=O)O"
    splits = Splits(_part(left, "c1ccccc1"), _part("CCO", "CCN"), _part(right))
    found = domain_of("molecules").near_duplicates(splits)
    assert found.counts == {("train", "select"): 0, ("train", "test"): 1, ("select", "test"): 0}
    (pair,) = found.pairs
    assert (pair.image_i, pair.image_j, pair.correlation) == (left, right, 1)


def test_different_molecules_are_none() -> None:
    splits = Splits(_part("CCO"), _part("CCN"), replace(_part("c1ccccc1")))
    assert domain_of("molecules").near_duplicates(splits).total == 0
