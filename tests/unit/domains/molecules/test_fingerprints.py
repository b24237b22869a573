import pytest
import torch

prints = pytest.importorskip("lds_mlflow.domains.molecules.fingerprints", reason="the extra molecules is not installed")
SMILES = ["CCO", "CCCO", "c1ccccc1", ""]


def test_a_fingerprint_has_the_groups_of_a_molecule_and_what_is_none_has_none() -> None:
    bits = prints.fingerprints(SMILES)
    assert bits.shape == (4, 2048)
    assert set(bits.unique().tolist()) == {0, 1}
    assert bits.sum(1).tolist()[3] == 0
    assert prints.fingerprints([]).shape == (0, 2048)


def test_the_most_similar_is_the_molecule_itself_and_else_that_with_the_most_in_common() -> None:
    bits = prints.fingerprints(SMILES)
    similarity, rows = prints.nearest(bits[:3], bits)
    assert (similarity.tolist(), rows.tolist()) == ([1, 1, 1], [0, 1, 2])
    similarity, rows = prints.nearest(bits[:1], bits[1:])
    shared, either = (bits[0] * bits[1]).sum(), ((bits[0] + bits[1]) > 0).sum()
    assert similarity.item() == pytest.approx(float(shared / either))
    assert rows.item() == 0


def test_the_mean_similarity_counts_all() -> None:
    bits = torch.eye(4, 2048)
    assert prints.mean_similarity(bits).tolist() == [0.25] * 4
