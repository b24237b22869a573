"""Folders that are parts of the data, and folders that can be read in two ways."""

from collections import Counter

import pytest

from tests.unit.data.conftest import images_in, laid_out, layout_refusal, said_of


@pytest.mark.parametrize(
    ("train", "select", "test"),
    [
        ("train", "val", "test"),
        ("Training", "Validation", "Testing"),
        ("TRAIN", "dev", "Test"),
        ("training_set", "valid_set", "test_set"),
        ("train2017", "val2017", "test2017"),
        ("seg_train", "seg_val", "seg_test"),
        ("data/pets/train", "data/pets/valid", "data/pets/eval"),
    ],
)
def test_folders_of_parts_are_the_parts_and_the_folders_in_them_the_classes(train: str, select: str, test: str) -> None:
    said = said_of(
        laid_out(*images_in(*(f"{part}/{kind}" for part in (train, select, test) for kind in ("cat", "dog"))))
    )
    assert said[f"{train}/cat/000.png"] == ("cat", "train")
    assert said[f"{select}/dog/000.png"] == ("dog", "select")
    assert said[f"{test}/dog/001.png"] == ("dog", "test")


@pytest.mark.parametrize(
    "folders",
    [
        ("cat/train", "cat/test", "dog/train", "dog/test"),
        ("train/train/cat", "train/train/dog", "test/test/cat", "test/test/dog"),
        ("train/images/cat", "train/images/dog", "test/images/cat", "test/images/dog"),
    ],
)
def test_parts_may_lie_below_the_classes_or_twice_in_each_other(folders: tuple[str, ...]) -> None:
    layout = laid_out(*images_in(*folders))
    assert Counter(zip(layout.classes_N, layout.parts_N, strict=True)) == {
        (kind, part): 2 for kind in ("cat", "dog") for part in ("train", "test")
    }


def test_parts_without_folders_of_classes_have_none() -> None:
    layout = laid_out(*images_in("train", "test"))
    assert layout.classes_N == ()
    assert Counter(layout.parts_N) == {"train": 2, "test": 2}


def test_one_folder_of_a_part_alone_is_a_folder_around_everything() -> None:
    layout = laid_out(*images_in("train/cat", "train/dog"))
    assert set(layout.classes_N) == {"cat", "dog"}
    assert layout.parts_N == ()


def test_valid_and_invalid_are_classes() -> None:
    assert set(laid_out(*images_in("valid", "invalid")).classes_N) == {"valid", "invalid"}


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (images_in("train", "cats"), "named like parts of the data (train) beside cats"),
        (images_in("test", "cats", "dogs"), "(test) beside cats, dogs"),
        (images_in("val", "test"), "without a folder train"),
        ([*images_in("train", "test"), "cover.png"], "(test, train) beside images"),
        (images_in("train", "test", "extra"), "beside extra"),
        (images_in("seg_train", "seg_test", "seg_pred"), "beside seg_pred"),
        (images_in("cat", "cat/test", "dog"), "(test) beside"),
        (images_in("train/cat/test", "train/dog", "test/cat"), "names two parts of the data, train/cat/test"),
    ],
)
def test_folders_that_can_be_read_in_two_ways_are_refused(names: list[str], found: str) -> None:
    error = layout_refusal(*names)
    assert error.what == "pets"
    assert found in error.found
    assert "rename" in error.remedy
