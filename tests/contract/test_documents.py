"""The documents lead to files that exist, and wrap at 100 columns."""

import re
from pathlib import Path

import pytest

from tests.places import ROOT

DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *(
        ROOT / "docs" / name
        for name in ("architecture.md", "extending.md", "layouts.md", "method.md", "scale.md", "results.md")
    ),
]
COLUMNS = 100
HISTORY = "CHANGELOG.md"
"""It also names files that were removed."""

_CODE_BLOCK = re.compile(r"^```.*?^```$", flags=re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\(([^)#]+)")
_PATH = re.compile(r"`((?:lds_mlflow|tuning|tests|benchmarks|docs|containers)/[\w./-]*)")


def _lines_of_prose(text: str) -> list[str]:
    return [line for line in _CODE_BLOCK.sub("", text).splitlines() if not line.startswith(("|", "    ", "!["))]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_prose_wraps_at_100_columns(document: Path) -> None:
    # A link or a piece of code without a space can't be wrapped.
    long = [line for line in _lines_of_prose(document.read_text()) if len(line) > COLUMNS and " " in line.strip()]
    assert not long


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_within_the_project_leads_to_a_file(document: Path) -> None:
    links = [link for link in _LINK.findall(document.read_text()) if "://" not in link]
    assert not [link for link in links if not (document.parent / link).exists()]


@pytest.mark.parametrize("document", [path for path in DOCUMENTS if path.name != HISTORY], ids=lambda path: path.name)
def test_every_path_that_is_named_exists(document: Path) -> None:
    assert not [path for path in _PATH.findall(document.read_text()) if not (ROOT / path).exists()]


def test_a_path_that_does_not_exist_would_be_found() -> None:
    (path,) = _PATH.findall("The arms are one table, `lds_mlflow/arms.py: ARMS`.")
    assert not (ROOT / path).exists()
