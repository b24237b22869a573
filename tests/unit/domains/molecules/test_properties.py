import pytest

from lds_mlflow.domains.molecules.tokens import stored

properties = pytest.importorskip(
    "lds_mlflow.domains.molecules.properties", reason="the extra molecules is not installed"
)
smiles = pytest.importorskip("lds_mlflow.domains.molecules.smiles", reason="the extra molecules is not installed")


def test_aspirin_has_the_properties_that_rdkit_gives_it() -> None:
    found = properties.properties_of("CC(=O)Oc1ccccc1C(=O)O")
    assert (found.qed, found.logp, found.sa) == pytest.approx((0.550, 1.310, 1.580), abs=1e-3)


def test_what_is_no_molecule_has_no_properties() -> None:
    assert properties.properties_of("") is None
    assert properties.properties_of("[H][H]") is None


def test_a_scaffold_is_the_rings_with_what_joins_them() -> None:
    assert properties.scaffold_of("CC(=O)Oc1ccccc1C(=O)O") == "c1ccccc1"
    assert properties.scaffold_of("CCO") == properties.scaffold_of("") == ""


def test_the_quality_of_a_molecule_is_its_likeness_to_a_drug() -> None:
    aspirin = stored([smiles.tokens_of("CC(=O)Oc1ccccc1C(=O)O"), []])
    assert properties.qed_of(aspirin).tolist() == pytest.approx([0.550, 0], abs=1e-3)
