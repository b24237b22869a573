"""Names of classes that look the same, and columns that hold no classes."""

import unicodedata
from collections import Counter

import pytest

from lds_mlflow.data.labels import is_no_class, tidy_classes
from lds_mlflow.errors import DataError
from tests.unit.data.conftest import images_in, laid_out, layout_refusal


def test_classes_that_look_the_same_are_one() -> None:
    twice = unicodedata.normalize("NFD", "café")
    layout = laid_out(*images_in("café", f"{twice} ", "dog"))
    assert Counter(layout.classes_N) == {"café": 4, "dog": 2}
    assert any("are joined" in line for line in layout.report)


def test_classes_that_differ_in_capital_letters_alone_are_refused() -> None:
    assert layout_refusal(*images_in("train/Cat", "train/dog", "test/cat", "test/dog")).found.endswith(
        "letters: Cat, cat"
    )


@pytest.mark.parametrize(
    "written", [" a b", "a b ", "a\u00a0b", "a  b", "a\tb", "\ufeffa b", "a b\u200b", "\u200e a b\u00a0\u200f"]
)
def test_what_nobody_sees_makes_no_other_class(written: str) -> None:
    assert tidy_classes([written, "a b", "c"], "a table") == ["a b", "a b", "c"]


@pytest.mark.parametrize("alike", [("Cat", "cat"), ("STRASSE", "straße"), ("É", "e\u0301")])
def test_capital_letters_alone_make_no_other_class(alike: tuple[str, str]) -> None:
    with pytest.raises(DataError, match="differ only in capital letters"):
        tidy_classes(alike, "a table")


def test_a_text_is_no_name_of_a_class() -> None:
    with pytest.raises(DataError, match="a class whose name has 1,000,000 characters") as caught:
        tidy_classes(["a", "x" * 1_000_000], "a table")
    assert len(str(caught.value)) < 3_000


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ([str(i) for i in range(40)], "40 different values for 40 images"),
        ([str(i % 30) for i in range(40)], "30 different values for 40 images"),
        ([f"{i / 7:.4f}" for i in range(30)] * 10, "30 different numbers with fractions"),
        ([str(i) for i in range(10)], ""),
        ([str(i % 100) for i in range(1_000)], ""),
        ([f"{i % 10 / 2}" for i in range(100)], ""),
        (["a", "b"] * 20, ""),
    ],
)
def test_a_value_an_image_and_a_scale_are_no_classes(cells: list[str], reason: str) -> None:
    assert is_no_class(cells) == reason
