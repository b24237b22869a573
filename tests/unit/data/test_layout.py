"""What the files of a folder or a zip are taken for: the layouts that people bring, and what is refused."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lds_mlflow.data.file_kinds import FileKind
from lds_mlflow.data.layout import lay_out
from lds_mlflow.data.part_folders import PART_WORDS
from lds_mlflow.data.walk import FoundFile
from lds_mlflow.errors import DataError
from tests.unit.data.conftest import laid_out, layout_refusal, said_of


def test_a_table_of_parts_wins_over_folders_that_say_nothing_clear() -> None:
    table = "file,split,kind\ntrain/a.png,train,x\ncats/a.png,test,y\n"
    assert laid_out("train/a.png", "cats/a.png", labels__csv=table).parts_N == ("train", "test")


def test_a_table_that_contradicts_the_folders_of_parts_is_refused() -> None:
    error = layout_refusal("train/a.png", "test/b.png", labels__csv="file,split\ntrain/a.png,test\ntest/b.png,test\n")
    assert error.found == "images whose folder says train while the table says test, such as train/a.png"


def test_a_label_without_a_table_is_refused() -> None:
    assert layout_refusal("a.png", label="kind").found.startswith("kind, and no table")


def test_the_report_stays_short_however_much_there_is_to_say() -> None:
    names = [f"{'class ' * 30}{k}/{i}.png" for k in range(300) for i in range(2)]
    layout = laid_out(*names, *(f"note.{i}" for i in range(300)), "train.csv", "test.csv")
    assert len(layout.report) <= 7
    assert all(len(line) < 1_000 for line in layout.report)


_FOLDERS = st.sampled_from(
    [*sorted(PART_WORDS), "Train", "cat", "dog", "Cat", ".git", "@eaDir", "images", "00000", "01000", "pets"]
)
_FILES = st.sampled_from(["a.png", "b.JPG", "0.png", "1000.png", "c.heic", "notes.txt", ".DS_Store", "._a.png"])
_NAMES = st.lists(
    st.builds(lambda folders, file: "/".join([*folders, file]), st.lists(_FOLDERS, max_size=3), _FILES),
    min_size=1,
    max_size=12,
    unique=True,
)


@given(_NAMES, st.randoms())
def test_of_any_files_none_vanishes_none_held_out_is_in_train_and_neither_order_nor_hidden_files_count(
    names: list[str], random: Random
) -> None:
    try:
        layout = lay_out(map(FoundFile, names), _no_table, where="pets")
    except DataError:
        return
    assert sorted([*layout.names_N, *(fault.name for fault in layout.left_out)]) == sorted(names)
    said = said_of(layout)
    for name, (_, part) in said.items():
        held_out = _parts_in(name) - {"train"}
        # Where all images lie in one folder "test", it is no part beside others.
        assert not held_out or part in held_out or all(_parts_in(other) & held_out for other in said)
    others = [name for name in names if name in said]
    random.shuffle(others)
    again = lay_out(map(FoundFile, [*others, ".cache/test/x.png", "cat/.DS_Store"]), _no_table, where="pets")
    assert said_of(again) == said


def _no_table(name: str) -> bytes:
    raise AssertionError(f"no table lies among the files, but {name} is read")


def _parts_in(name: str) -> set[str]:
    # A folder "valid" may be a class, beside "invalid".
    return {PART_WORDS[word] for word in name.casefold().split("/")[:-1] if word in PART_WORDS and word != "valid"}


def test_files_of_another_kind_are_laid_out_in_the_same_way() -> None:
    letters = FileKind("letter", "a letter", lambda: frozenset({".txt"}))
    files = [FoundFile(name) for name in ("cat/1.txt", "dog/2.TXT", "dog/3.png")]
    layout = lay_out(files, _no_table, where="pets", kind=letters)
    assert layout.names_N == ("cat/1.txt", "dog/2.TXT")
    assert layout.classes_N == ("cat", "dog")
    assert [(fault.name, fault.detail) for fault in layout.left_out] == [("dog/3.png", "not the ending of a letter")]
    with pytest.raises(DataError, match="no letter files, but 1 files by their endings"):
        lay_out(files[2:], _no_table, where="pets", kind=letters)
