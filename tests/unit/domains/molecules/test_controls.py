import pytest

controls = pytest.importorskip("lds_mlflow.domains.molecules.controls", reason="the extra molecules is not installed")
smiles = pytest.importorskip("lds_mlflow.domains.molecules.smiles", reason="the extra molecules is not installed")
TRAIN = ["CCO", "c1ccccc1", "CC(=O)O"]


def test_each_molecule_has_one_atom_more_and_is_new_and_valid() -> None:
    made = controls.with_a_carbon(TRAIN, known=frozenset(TRAIN))
    assert not set(made) & set(TRAIN)
    counts = [[smiles.molecule(text).GetNumHeavyAtoms() for text in some] for some in (TRAIN, made)]
    assert counts[1] == [n + 1 for n in counts[0]]
    assert made == [smiles.canonical(text) for text in made]
    assert made == controls.with_a_carbon(TRAIN, known=frozenset(TRAIN))


def test_a_molecule_stays_where_no_place_gives_a_new_one() -> None:
    assert controls.with_a_carbon(["C"], known=frozenset(["CC"])) == ["C"]
