import pytest

from lds_mlflow.entry.source import read_source

TEXT = '''"""A module."""
import a.b
from . import near
from .c import D as E
ROOM = "p.other:Thing"  # a comment
def f() -> str:
    """Says something."""
    from x import late
    return "a sentence."
'''


def test_names_are_those_of_imports_anywhere_and_of_texts_that_name_a_module() -> None:
    names = read_source(TEXT, "p.room.module").names
    assert set(names) == {"a.b", "p.room.near", "p.room.c.D", "x.late", "p.other.Thing"}


def test_what_is_passed_on_is_imported_at_the_top() -> None:
    assert read_source(TEXT, "p.room.module").passed_on == {"near": "p.room.near", "E": "p.room.c.D"}


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ("# a comment", "# another", True),
        ("A module", "The module", True),
        ("Says", "Tells", True),
        ("a.b", "a.c", False),
    ],
)
def test_comments_and_docstrings_have_no_meaning(before: str, after: str, same: bool) -> None:
    changed = read_source(TEXT.replace(before, after), "p.room.module")
    assert (changed.meaning == read_source(TEXT, "p.room.module").meaning) == same
