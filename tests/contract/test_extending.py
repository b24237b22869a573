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
    title: blocks
    for title, text in re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", DOCUMENT, re.DOTALL | re.MULTILINE)
    if (blocks := _BLOCK.findall(text))
}
"""The blocks of every section that has some."""


def _put(block: str, folder: Path) -> None:
    """Writes a block into the file that its first line names: a new one, or the end of a table in one that is there.

    Imports, which stand before the entry, go to the other imports of the file.
    """
    place = _PLACE.match(block)
    assert place is not None
    file, content = folder / place["path"], block[place.end() :]
    if place["table"] is None:
        assert not file.exists(), f"{file} is there already"
        file.write_text(content, encoding="utf-8")
        return
    text = file.read_text(encoding="utf-8")
    table = re.search(rf"^{place['table']}\b.*? = \{{\n.*?(?=^(    \))?\n?\}})", text, re.DOTALL | re.MULTILINE)
    assert table is not None, f"{file} has no table {place['table']}"
    imports = "".join(line for line in content.splitlines(keepends=True) if line.startswith("from "))
    text = text[: table.end()] + content.removeprefix(imports) + text[table.end() :]
    first = text.index("\nfrom ") + 1
    file.write_text(text[:first] + imports + text[first:], encoding="utf-8")


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
def test_an_extension_takes_one_entry_and_at_most_one_new_file_and_works(title: str, extended: Path) -> None:
    places = [place for block in SECTIONS[title] if (place := _PLACE.match(block))]
    assert sum(place["table"] is not None for place in places) == 1
    assert len(places) <= 2
    uses = [block for block in SECTIONS[title] if not _PLACE.match(block)]
    assert uses
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(uses)], cwd=extended, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_document_lists_every_table_of_choices() -> None:
    tables = {file.name for file in (ROOT / "lds_mlflow" / "choices").glob("*s.py")}
    assert tables == set(re.findall(r"^\| `(\w+\.py)`", DOCUMENT, re.MULTILINE))
