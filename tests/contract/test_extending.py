"""The examples of docs/extending.md, carried out in a copy of the package."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.places import ROOT

DOCUMENT = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_PLACE = re.compile(r"# (?P<path>\S+\.py)(?:, in (?P<table>\w+))?\n")

SECTIONS = {
    title: _BLOCK.findall(text)
    for title, text in re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", DOCUMENT, re.DOTALL | re.MULTILINE)
}


def _put(block: str, folder: Path) -> None:
    """Writes a block into the file that its first line names: a new one, or the end of a table in one that is there."""
    place = _PLACE.match(block)
    assert place is not None
    file, content = folder / place["path"], block[place.end() :]
    if place["table"] is None:
        assert not file.exists(), f"{file} is there already"
        file.write_text(content, encoding="utf-8")
        return
    text = file.read_text(encoding="utf-8")
    end = text.index("\n}\n", text.index(f"\n{place['table']} = {{\n")) + 1
    file.write_text(text[:end] + content + text[end:], encoding="utf-8")


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a copy of the package that has all the extensions of the document."""
    folder = tmp_path_factory.mktemp("extended")
    shutil.copytree(ROOT / "lds_mlflow", folder / "lds_mlflow", ignore=shutil.ignore_patterns("__pycache__"))
    for blocks in SECTIONS.values():
        for block in blocks:
            if _PLACE.match(block):
                _put(block, folder)
    return folder


@pytest.mark.parametrize("title", SECTIONS)
def test_an_extension_takes_two_files_and_works(title: str, extended: Path) -> None:
    files = [place["path"] for block in SECTIONS[title] if (place := _PLACE.match(block))]
    assert len(files) == len(set(files)) == 2
    uses = [block for block in SECTIONS[title] if not _PLACE.match(block)]
    assert uses
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(uses)], cwd=extended, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_document_lists_every_table_of_choices() -> None:
    tables = {file.name for file in (ROOT / "lds_mlflow" / "choices").glob("*s.py")}
    assert tables == set(re.findall(r"^\| `(\w+\.py)`", DOCUMENT, re.MULTILINE))
