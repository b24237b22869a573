import base64
import io
from pathlib import Path

import pytest
import torch
from PIL import Image

from lds_mlflow.domains import domain_of, domain_of_source
from lds_mlflow.errors import ConfigError, DataError
from lds_mlflow.machine import packages
from lds_mlflow.values import ExampleSet

MOLECULES = domain_of("molecules")


@pytest.mark.parametrize("source", ["molecules", "molecules:some.txt", "hits.csv", "/data/hits.SMI", "a b.tsv"])
def test_a_file_of_smiles_is_of_molecules(source: str) -> None:
    assert domain_of_source(source) is MOLECULES


@pytest.mark.parametrize("source", ["digits", "molecule", "some.zip", "folder", "csv", "https://host/some.zip"])
def test_other_sources_are_not(source: str) -> None:
    assert domain_of_source(source) is not MOLECULES


def test_without_the_packages_the_command_that_installs_them_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "find_spec", lambda module: None)
    with pytest.raises(ConfigError, match="rdkit, selfies, fcd_torch") as caught:
        MOLECULES.grid(torch.zeros(1, 3, dtype=torch.int64))
    assert "uv pip install" in caught.value.remedy


def test_what_lies_outside_is_the_file_or_the_version_of_rdkit(few: ExampleSet, tmp_path: Path) -> None:
    assert MOLECULES.describe_source("molecules").startswith("rdkit ")
    file = tmp_path / "some.smi"
    file.write_text("CCO\n")
    before = MOLECULES.describe_source(str(file))
    assert MOLECULES.describe_source(f"molecules:{file}") == before
    file.write_text("CCO\nCCN\n")
    assert MOLECULES.describe_source(str(file)) != before
    with pytest.raises(DataError, match="neither a file nor a folder"):
        MOLECULES.describe_source(str(tmp_path / "nowhere.smi"))


def test_molecules_are_answered_as_smiles_selfies_and_pictures(few: ExampleSet) -> None:
    one = few.examples_N[0]
    answers = {name: answer(one) for name, answer in MOLECULES.formats.items()}
    assert next(iter(answers)) == "smiles"
    assert answers["selfies"].startswith("[")
    assert Image.open(io.BytesIO(base64.b64decode(answers["png"]))).size == (160, 160)
    assert MOLECULES.file_content(one) == f"{answers['smiles']}\n".encode()
    assert MOLECULES.files(few.examples_N[:3])["molecules.smi"].count(b"\n") == 3
    assert MOLECULES.gallery is not None
    assert {MOLECULES.gallery.picture, *MOLECULES.gallery.besides} <= answers.keys()


def test_molecules_are_described_and_shown(few: ExampleSet) -> None:
    assert MOLECULES.describe(few) == f"60 molecules of at most {few.examples_N.shape[1]} tokens"
    some = few.examples_N[:4]
    assert MOLECULES.grid(some).width > 4 * 160
    assert MOLECULES.pairs(some, some).height > 2 * 160
    assert MOLECULES.bands(some, torch.arange(4.0), bands=2, per_band=2).axes
    assert MOLECULES.qualities["qed"].measure(some).shape == (4,)
