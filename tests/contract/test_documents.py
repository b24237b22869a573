"""The documents lead to files that exist, wrap at 100 columns, and the README is one page."""

import re
from pathlib import Path

import pytest

from tests.places import ROOT

DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FEW_LINES, FEW_WORDS = 100, 900
FIRST_COMMAND_WITHIN = 500
COLUMNS = 100
GENERATED = {ROOT / "docs" / "reference" / name for name in ("commands.md", "parameters.md")}
"""Pages that only the site has."""

HISTORY = "CHANGELOG.md"
"""It also names files that were removed."""


def _named(path: Path) -> str:
    return str(path.relative_to(ROOT))


_CODE_BLOCK = re.compile(r"^```.*?^```$", flags=re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\(([^)#]+)")
_PATH = re.compile(r"`((?:lds_mlflow|tuning|tests|benchmarks|docs|containers)/[\w./-]*)")


def _lines_of_prose(text: str) -> list[str]:
    return [line for line in _CODE_BLOCK.sub("", text).splitlines() if not line.startswith(("|", "    ", "!["))]


@pytest.mark.parametrize("document", DOCUMENTS, ids=_named)
def test_prose_wraps_at_100_columns(document: Path) -> None:
    # A link or a piece of code without a space can't be wrapped.
    long = [line for line in _lines_of_prose(document.read_text()) if len(line) > COLUMNS and " " in line.strip()]
    assert not long


@pytest.mark.parametrize("document", DOCUMENTS, ids=_named)
def test_every_link_within_the_project_leads_to_a_file(document: Path) -> None:
    links = [link for link in _LINK.findall(document.read_text()) if "://" not in link]
    missing = [link for link in links if not (document.parent / link).exists()]
    assert {ROOT.joinpath(document.parent, link).resolve() for link in missing} <= GENERATED


@pytest.mark.parametrize("document", [path for path in DOCUMENTS if path.name != HISTORY], ids=_named)
def test_every_path_that_is_named_exists(document: Path) -> None:
    assert not [path for path in _PATH.findall(document.read_text()) if not (ROOT / path).exists()]


def test_a_path_that_does_not_exist_would_be_found() -> None:
    (path,) = _PATH.findall("The arms are one table, `lds_mlflow/arms.py: ARMS`.")
    assert not (ROOT / path).exists()


def test_the_readme_is_one_page() -> None:
    assert len(README.splitlines()) <= FEW_LINES
    assert len(README.split()) <= FEW_WORDS


def test_the_readme_begins_with_a_picture_and_a_command() -> None:
    start, _, _ = README.partition("```sh\n")
    assert len(start.split()) <= FIRST_COMMAND_WITHIN
    assert start.index("![") < start.index("run")


def test_the_first_command_of_the_readme_runs_the_project_and_the_second_its_tests() -> None:
    first, second = re.findall(r"^```sh\n(.*?)^```$", README, flags=re.DOTALL | re.MULTILINE)
    assert "mlflow" in first
    assert " run . " in first
    assert second.rstrip().endswith("pytest")
