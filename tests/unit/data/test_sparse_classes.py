import torch

from lds_mlflow.data import sparse_classes
from lds_mlflow.values import ExampleSet


def _part(*counts: int) -> ExampleSet:
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    pixels = torch.zeros(len(labels), 1, 8, 8, dtype=torch.uint8)
    return ExampleSet(
        "tests", pixels, tuple(map(str, range(len(labels)))), labels, tuple("abcdefghijklmno"[: len(counts)])
    )


def test_classes_that_have_enough_of_everything_are_not_mentioned() -> None:
    assert sparse_classes({"train": _part(10, 12), "select": _part(1, 2), "test": _part(1, 2)}) == ""


def test_a_class_that_is_missing_from_a_part_is_named_with_its_counts() -> None:
    said = sparse_classes({"train": _part(20, 12), "select": _part(5, 0), "test": _part(5, 2)})
    assert "b (12 in train, 0 in select, 2 in test)" in said
    assert "a (" not in said


def test_a_class_without_training_examples_and_one_with_few_are_named_the_emptiest_first() -> None:
    said = sparse_classes({"train": _part(9, 0, 50), "select": _part(2, 3, 9), "test": _part(2, 3, 9)})
    assert said.index("b (0 in train") < said.index("a (9 in train")


def test_of_many_sparse_classes_ten_are_named() -> None:
    said = sparse_classes({"train": _part(*[1] * 15), "select": _part(*[1] * 15), "test": _part(*[1] * 15)})
    assert "; and 5 more." in said


def test_examples_without_classes_have_none_that_are_sparse() -> None:
    part = ExampleSet("tests", torch.zeros(3, 1, 8, 8, dtype=torch.uint8), ("a", "b", "c"))
    assert sparse_classes({"train": part, "select": part, "test": part}) == ""
