from pathlib import Path
from typing import Any

import pytest

from lds_mlflow.data import Fault, Reading
from lds_mlflow.data.faults import MOST_TOKENS
from lds_mlflow.domains.molecules.tokens import selfies_of
from lds_mlflow.errors import DataError
from lds_mlflow.values import ExampleSet

reading = pytest.importorskip("lds_mlflow.domains.molecules.reading", reason="the extra molecules is not installed")
ETHANOL, BENZENE, SALT = "OCC", "c1ccccc1", "[Na+].CC(=O)[O-]"


class _Read:
    """Reads a file, and keeps what is said about it."""

    def __init__(self, path: Path, content: str, **settings: Any) -> None:
        self.faults: list[Fault] = []
        self.notes: list[str] = []
        path.write_text(content)
        self.path = path
        self.settings = {"tolerated": 0.5} | settings

    def load(self) -> ExampleSet:
        how = Reading(on_faults=self.faults.extend, on_notes=self.notes.extend, **self.settings)
        examples: ExampleSet = reading.load_molecules(self.path, how)
        return examples


def test_a_line_is_a_molecule_with_or_without_its_name(tmp_path: Path) -> None:
    examples = _Read(tmp_path / "some.smi", f"{ETHANOL} ethanol\n{BENZENE}\tbenzene ring\nN\n").load()
    assert (examples.name, examples.domain) == ("some", "molecules")
    assert examples.ids_N == ("line-000001", "line-000002", "line-000003")
    assert selfies_of(examples.examples_N) == ["[C][C][O]", "[C][=C][C][=C][C][=C][Ring1][=Branch1]", "[N]"]
    assert examples.labels_N is None


@pytest.mark.parametrize("first", ["SMILES Name", "smiles", "# made by hand"])
def test_a_heading_or_a_comment_is_no_molecule(tmp_path: Path, first: str) -> None:
    examples = _Read(tmp_path / "some.smi", f"{first}\n{ETHANOL}\n").load()
    assert examples.ids_N == ("line-000002",)


def test_what_is_no_smiles_is_left_out_and_named(tmp_path: Path) -> None:
    read = _Read(tmp_path / "some.smi", f"{ETHANOL}\nC(\nethanol\n{BENZENE}\nN\n")
    assert len(read.load()) == 3
    assert read.faults == [Fault("line-000002", "smiles", "C("), Fault("line-000003", "smiles", "ethanol")]


def test_more_of_them_than_tolerated_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"SMILES that RDKit can't read: C\(") as caught:
        _Read(tmp_path / "some.smi", f"{ETHANOL}\nC(\n{BENZENE}\n", tolerated=0.1).load()
    assert caught.value.what == "molecules of some.smi"
    assert "at most 10.0%" in caught.value.expected


def test_a_file_without_any_molecule_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"molecules of some\.smi"):
        _Read(tmp_path / "some.smi", "no\nmolecule\n", tolerated=0.99).load()


def test_of_a_salt_the_largest_part_is_kept_and_that_is_said(tmp_path: Path) -> None:
    read = _Read(tmp_path / "some.smi", f"{SALT}\n{ETHANOL}\n")
    assert selfies_of(read.load().examples_N)[0] == "[C][C][=Branch1][C][=O][O-1]"
    assert read.notes == ["Of 1 molecules of several parts, such as salts, the largest part was kept."]


def test_of_equal_molecules_the_first_is_kept_however_they_are_written(tmp_path: Path) -> None:
    read = _Read(tmp_path / "some.smi", "OCC\nC\nCCO\nC(O)C\n")
    assert read.load().ids_N == ("line-000001", "line-000002")
    assert [(fault.name, fault.kind, fault.detail) for fault in read.faults] == [
        ("line-000003", "copy", "of line-000001"),
        ("line-000004", "copy", "of line-000001"),
    ]
    assert read.notes[0].startswith("2 molecules that occur more than once")


def test_empty_lines_are_passed_over_and_counted(tmp_path: Path) -> None:
    read = _Read(tmp_path / "some.smi", f"\n{ETHANOL}\n   \n{BENZENE}\n")
    assert len(read.load()) == 2
    assert read.notes == ["2 lines without a SMILES were passed over."]


def test_a_molecule_that_is_too_long_or_that_selfies_can_not_write_is_left_out(tmp_path: Path) -> None:
    chain, too_long, ring = ("C" * n for n in (MOST_TOKENS, MOST_TOKENS + 1, 1))
    hypervalent = "c1ccc2c(c1)[I]c1ccccc1-2"
    read = _Read(tmp_path / "some.smi", "\n".join((chain, too_long, hypervalent, ring)))
    assert read.load().examples_N.shape == (2, MOST_TOKENS)
    assert read.faults == [
        Fault("line-000002", "tokens", f"{MOST_TOKENS + 1} tokens"),
        Fault("line-000003", "selfies", hypervalent),
    ]


def test_a_table_has_its_smiles_classes_and_parts_in_columns(tmp_path: Path) -> None:
    table = f"id,Canonical_SMILES,active,split\n7,{ETHANOL},0,train\n8,{BENZENE},1,test\n9,N,0,train\n10,,1,train\n"
    read = _Read(tmp_path / "hits.csv", table)
    examples = read.load()
    assert (examples.name, len(examples)) == ("hits", 3)
    assert examples.ids_N[0] == "line-000002"
    assert examples.labels_N is not None
    assert examples.labels_N.tolist() == [0, 1, 0]
    assert (examples.class_names_K, examples.declared_parts_N) == (("0", "1"), ("train", "test", "train"))


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_column_of_another_name_is_found_by_what_it_holds(tmp_path: Path, separator: str) -> None:
    rows = [("name", "structure"), ("ethanol", ETHANOL), ("benzene", BENZENE)]
    read = _Read(tmp_path / "some.csv", "\n".join(map(separator.join, rows)))
    assert len(read.load()) == 2
    assert read.notes == ["The molecules are those of the column structure."]


def test_a_table_without_molecules_is_refused_with_its_columns(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="columns name, price, none of which holds SMILES"):
        _Read(tmp_path / "some.csv", "name,price\nethanol,3\nbenzene,4\n").load()


def test_the_column_of_the_class_can_be_named(tmp_path: Path) -> None:
    table = f"smiles,solvent,toxic\n{ETHANOL},yes,no\n{BENZENE},yes,yes\nN,no,no\n"
    named = _Read(tmp_path / "some.csv", table, label="toxic").load()
    assert named.labels_N is not None
    assert named.labels_N.tolist() == [0, 1, 0]
    with pytest.raises(DataError, match="label=colour"):
        _Read(tmp_path / "some.csv", table, label="colour").load()


def test_a_column_of_measurements_is_no_class(tmp_path: Path) -> None:
    rows = [f"{'C' * n}O,{n}.5" for n in range(1, 31)]
    table = "\n".join(("smiles,solubility", *rows))
    assert _Read(tmp_path / "some.csv", table).load().labels_N is None
    with pytest.raises(DataError, match="label=solubility"):
        _Read(tmp_path / "some.csv", table, label="solubility").load()


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no readable file"):
        reading.load_molecules(tmp_path / "nowhere.smi", Reading())


def test_rdkit_has_molecules_that_need_no_file_in_classes_by_rings(bundled: ExampleSet) -> None:
    assert bundled.name == "molecules of NCI"
    assert len(reading.BUNDLED.read_text().splitlines()) == 4999
    assert bundled.class_names_K == ("no ring", "1 ring", "2 rings", "3 rings or more")
    assert bundled.labels_N is not None
    assert bundled.labels_N[0] == 1
    assert bundled.labels_N.bincount().sum() == len(bundled) > 250
