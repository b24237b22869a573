import pytest
import torch

from lds_mlflow.domains.molecules.tokens import stored

smiles = pytest.importorskip("lds_mlflow.domains.molecules.smiles", reason="the extra molecules is not installed")


@pytest.mark.parametrize("text", ["OCC", "C(O)C", "CCO"])
def test_a_molecule_has_one_spelling(text: str) -> None:
    assert smiles.canonical(text) == "CCO"


@pytest.mark.parametrize("text", ["", "C(", "ethanol", "c1ccccc", "C" * 3 + "="])
def test_what_is_no_molecule_has_none(text: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert smiles.canonical(text) == ""
    assert smiles.molecule(text) is None
    assert capfd.readouterr().err == ""


def test_the_largest_part_is_that_with_the_most_atoms() -> None:
    assert smiles.largest_part("[Na+].CC(=O)[O-]") == "CC(=O)[O-]"
    assert smiles.largest_part("[Br-].CC") == "CC"
    assert smiles.largest_part("CCO") == "CCO"


def test_stored_molecules_are_read_back_and_what_is_none_is_empty() -> None:
    examples = stored([smiles.tokens_of("CCO"), [], ["nop", "nop"], smiles.tokens_of("c1ccccc1")])
    assert smiles.smiles_of(examples) == ["CCO", "", "", "c1ccccc1"]
    assert [read.GetNumAtoms() for read in smiles.molecules_of(smiles.smiles_of(examples))] == [3, 6]


def test_any_sequence_of_known_tokens_is_a_molecule() -> None:
    names = ["C", "=C", "Branch1", "Ring1", "N", "#Branch2", "O-1"]
    generator = torch.Generator().manual_seed(0)
    drawn = [[names[i] for i in torch.randint(len(names), (12,), generator=generator)] for _ in range(50)]
    assert sum(not text for text in smiles.smiles_of(stored([["C", *row] for row in drawn]))) == 0


def test_a_molecule_that_selfies_can_not_write_has_no_tokens() -> None:
    assert smiles.tokens_of("c1ccc2c(c1)[I]c1ccccc1-2") == []
