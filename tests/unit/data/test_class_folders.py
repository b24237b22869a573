"""Folders that are classes, and folders that look like it."""

import pytest

from tests.unit.data.conftest import images_in, laid_out, layout_refusal


def test_a_part_without_classes_beside_parts_with_classes_is_refused() -> None:
    assert (
        layout_refusal(*images_in("train/cat", "train/dog", "test")).found
        == "no folders of classes in test, but in train"
    )


@pytest.mark.parametrize("pattern", ["{:05}", "img{:08}", "frame_{:d}"])
def test_numbered_folders_of_consecutive_images_are_no_classes(pattern: str) -> None:
    layout = laid_out(*(f"{i // 20 * 1000:05}/{pattern.format(i)}.png" for i in range(60)))
    assert layout.classes_N == ()
    assert any("consecutive numbers" in line for line in layout.report)


@pytest.mark.parametrize(
    "names", [images_in("00000", "00001"), images_in("0", "1"), [f"0000{i % 2}/{i}.png" for i in range(9)]]
)
def test_numbered_folders_of_other_images_are_classes(names: list[str]) -> None:
    assert len(set(laid_out(*names).classes_N)) == 2


def test_images_beside_folders_are_said_to_take_their_classes() -> None:
    layout = laid_out(*images_in("cat", "dog"), "cover.png")
    assert layout.classes_N == ()
    assert any("1 images lie beside the folders cat, dog" in line for line in layout.report)
