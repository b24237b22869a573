from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lds_mlflow.data import Reading, load_folder
from lds_mlflow.errors import DataError
from tests.unit.data.conftest import refusal, save, table, truncate

FORMATS = ("png", "jpg", "bmp", "ppm", "webp")


def test_a_folder_is_read_in_the_order_of_its_names(folder: Path) -> None:
    images = load_folder(folder)
    assert images.name == "pictures"
    assert images.ids_N == ("a.png", "b.png", "c.png", "d.png")
    assert images.examples_N.shape == (4, 1, 16, 16)
    assert np.array_equal(images.examples_N[1, 0].numpy(), np.array(Image.open(folder / "b.png")))


def test_a_flat_folder_has_no_classes(folder: Path) -> None:
    images = load_folder(folder)
    assert images.labels_N is None
    assert images.class_names_K == ()
    assert images.declared_parts_N == ()


def test_subfolders_name_the_classes(classed: Path) -> None:
    images = load_folder(classed)
    assert images.class_names_K == ("cat", "dog")
    assert images.labels_N is not None
    assert dict(zip(images.ids_N, images.labels_N.tolist(), strict=True)) == {
        "cat/1.png": 0,
        "cat/deep/2.png": 0,
        "dog/1.png": 1,
        "dog/2.png": 1,
    }


def test_one_subfolder_alone_makes_no_classes(tmp_path: Path) -> None:
    save(tmp_path / "all" / "a.png")
    assert load_folder(tmp_path).labels_N is None


def test_other_files_beside_the_pictures_are_passed_over(folder: Path) -> None:
    (folder / "README.txt").write_text("holiday")
    assert len(load_folder(folder)) == 4


@pytest.mark.parametrize("make", [save, lambda path: save(path, mode="RGB")])
@pytest.mark.parametrize("suffix", ["png", "PNG", "bmp", "webp"])
def test_several_formats_are_read(tmp_path: Path, suffix: str, make: Callable[[Path], None]) -> None:
    make(tmp_path / f"picture.{suffix}")
    assert load_folder(tmp_path).ids_N == (f"picture.{suffix}",)


def test_resolution_and_channels_bring_a_mixed_folder_to_one_form(folder: Path) -> None:
    save(folder / "e.png", mode="RGBA", size=(30, 20))
    assert load_folder(folder, Reading(resolution=8, channels=3)).examples_N.shape == (5, 3, 8, 8)


def test_the_table_gives_classes_parts_and_order(folder: Path) -> None:
    table(folder, "file,kind,split", "d.png,y,test", "a.png,x,train", "b.png,y,")
    images = load_folder(folder)
    assert images.ids_N == ("d.png", "a.png", "b.png")
    assert images.class_names_K == ("x", "y")
    assert images.labels_N is not None
    assert images.labels_N.tolist() == [1, 0, 1]
    assert images.declared_parts_N == ("test", "train", "")
    assert np.array_equal(images.examples_N[0, 0].numpy(), np.array(Image.open(folder / "d.png")))


def test_label_chooses_the_column_and_the_first_is_the_default(folder: Path) -> None:
    table(folder, "file,kind,mood", "a.png,x,glad", "b.png,y,sad")
    assert load_folder(folder).class_names_K == ("x", "y")
    assert load_folder(folder, Reading(label="mood")).class_names_K == ("glad", "sad")


def test_classes_that_are_written_as_numbers_keep_their_spelling(folder: Path) -> None:
    table(folder, "file,kind", "a.png,-1", "b.png,01")
    assert load_folder(folder).class_names_K == ("-1", "01")


@pytest.mark.parametrize("word", ["None", "NA", "null"])
def test_a_class_may_have_a_name_that_means_nothing_elsewhere(folder: Path, word: str) -> None:
    table(folder, "file,glasses", f"a.png,{word}", "b.png,round")
    assert set(load_folder(folder).class_names_K) == {word, "round"}


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    error = refusal(tmp_path / "nowhere")
    assert error.what == str(tmp_path / "nowhere")
    assert error.found == "neither a file nor a folder"
    assert error.expected == "a folder or a zip of images or sound"
    assert "Check the path" in error.remedy


def test_an_empty_folder_is_named_with_the_endings_that_are_looked_for(tmp_path: Path) -> None:
    error = refusal(tmp_path)
    assert error.what == str(tmp_path)
    assert error.found == "no image files"
    assert ".png" in error.expected
    assert "Check the path" in error.remedy


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_corrupt_image_is_named_with_its_file(tmp_path: Path, suffix: str) -> None:
    save(tmp_path / f"whole.{suffix}", mode="RGB")
    save(tmp_path / "sub" / f"half.{suffix}", mode="RGB")
    truncate(tmp_path / "sub" / f"half.{suffix}")
    error = refusal(tmp_path)
    assert str(tmp_path) in error.what
    assert error.found == f"files that can't be decoded (1 in all): sub/half.{suffix}"
    assert "Repair or remove" in error.remedy


def test_a_text_file_with_the_name_of_an_image_is_named(folder: Path) -> None:
    (folder / "c.png").write_text("not a picture")
    assert "c.png" in refusal(folder).found


def test_an_image_of_another_size_is_named_with_both_sizes(folder: Path) -> None:
    save(folder / "c.png", size=(20, 10))
    error = refusal(folder)
    assert "c.png (20x10, 1 channels)" in error.found
    assert error.expected == "images of 16x16 pixels with 1 channels"
    assert "resolution" in error.remedy


def test_an_image_with_transparency_is_named_with_its_mode(folder: Path) -> None:
    save(folder / "c.png", mode="RGBA")
    error = refusal(folder)
    assert error.what == f"image c.png of {folder}"
    assert error.found == "mode RGBA"
    assert "channels=3" in error.remedy


def test_a_colour_image_among_grey_ones_is_named(folder: Path) -> None:
    save(folder / "c.png", mode="RGB")
    error = refusal(folder)
    assert "c.png (16x16, 3 channels)" in error.found
    assert "channels" in error.remedy


def test_a_table_without_a_column_file_is_told_its_columns(folder: Path) -> None:
    error = refusal(table(folder, "picture,kind", "a.png,x"))
    assert error.what == f"labels.csv of {folder}"
    assert error.found == "columns picture, kind"
    assert error.expected == "a column file"
    assert "Rename the column" in error.remedy


def test_a_label_that_is_no_column_is_told_the_columns(folder: Path) -> None:
    error = refusal(table(folder, "file,kind", "a.png,x"), label="mood")
    assert error.what == f"labels.csv of {folder}"
    assert error.found == "columns file, kind"
    assert "a column mood" in error.expected
    assert "parameter label" in error.remedy


def test_a_table_that_names_a_missing_file_is_told_which(folder: Path) -> None:
    error = refusal(table(folder, "file,kind", "a.png,x", "zebra.png,y"))
    assert error.what == f"labels.csv of {folder}"
    assert "zebra.png" in error.found
    assert "add the files" in error.remedy


def test_a_row_without_a_class_is_named(folder: Path) -> None:
    error = refusal(table(folder, "file,kind", "a.png,x", "b.png,"))
    assert error.what == f"column kind of labels.csv of {folder}"
    assert error.found == "empty cells of images, such as b.png (1 in all)"
    assert "Fill in the missing classes" in error.remedy


def test_an_unknown_split_is_named(folder: Path) -> None:
    error = refusal(table(folder, "file,kind,split", "a.png,x,train", "b.png,y,quiz"))
    assert error.what == f"column split of labels.csv of {folder}"
    assert error.found == "1 unknown parts, such as quiz"
    assert error.expected == "train, val (or select), test, reserve, or an empty cell"
    assert "Correct the table" in error.remedy


@pytest.mark.parametrize(
    "content",
    [b"", b"file,kind\n", b"\xff\xfe\x00\x01", b'file,kind\na.png,"x\n'],
    ids=["empty", "header alone", "no text", "open quote"],
)
def test_a_table_that_is_none_is_named(folder: Path, content: bytes) -> None:
    (folder / "labels.csv").write_bytes(content)
    error = refusal(folder)
    assert "labels.csv" in error.what
    assert str(folder) in error.what
    assert "table" in error.remedy


def test_a_file_that_a_table_names_twice_is_named(folder: Path) -> None:
    error = refusal(table(folder, "file,kind", "a.png,x", "a.png,y", "b.png,y"))
    assert error.what == f"labels.csv of {folder}"
    assert "a.png" in error.found


def test_a_row_without_a_file_is_refused(folder: Path) -> None:
    error = refusal(table(folder, "file,kind", ",x", "b.png,y"))
    assert error.what == f"labels.csv of {folder}"
    assert "nan" not in error.found


def test_labels_belong_to_the_images_whatever_the_order_of_the_rows(folder: Path) -> None:
    rows = ["a.png,dark", "b.png,light", "c.png,dark", "d.png,light"]
    forward = load_folder(table(folder, "file,kind", *rows))
    backward = load_folder(table(folder, "file,kind", *reversed(rows)))
    assert forward.take(torch.arange(3, -1, -1)).digest == backward.digest


def test_a_labels_table_can_name_no_file_outside_its_folder(folder: Path) -> None:
    outside = folder.parent / "outside.png"
    outside.write_bytes(next(folder.rglob("*.png")).read_bytes())
    (folder / "labels.csv").write_text("file,kind\n../outside.png,a\n")
    with pytest.raises(DataError, match=r"files that don't exist, such as \.\./outside\.png"):
        load_folder(folder)
