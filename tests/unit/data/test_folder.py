import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lds_mlflow.data import load_folder
from lds_mlflow.errors import DataError

FORMATS = ("png", "jpg", "bmp", "ppm", "webp")


def _save(path: Path, *, mode: str = "L", size: tuple[int, int] = (16, 16), seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 4), dtype=np.uint8)
    Image.fromarray(pixels).convert(mode).save(path)


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _refusal(path: Path, label: str = "") -> DataError:
    with pytest.raises(DataError) as caught:
        load_folder(path, label=label)
    return caught.value


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four grey pictures, a.png to d.png, without classes."""
    folder = tmp_path / "pictures"
    for seed, name in enumerate("abcd"):
        _save(folder / f"{name}.png", seed=seed)
    return folder


@pytest.fixture
def classed(tmp_path: Path) -> Path:
    """Two pictures in each of two subfolders."""
    folder = tmp_path / "pets"
    for seed, name in enumerate(("dog/1", "cat/1", "dog/2", "cat/deep/2")):
        _save(folder / f"{name}.png", seed=seed)
    return folder


def _zip(folder: Path, compression: int = zipfile.ZIP_STORED) -> Path:
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", compression) as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, file.relative_to(folder))
    return path


def _table(folder: Path, *lines: str) -> Path:
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    return folder


def test_a_folder_is_read_in_the_order_of_its_names(folder: Path) -> None:
    images = load_folder(folder)
    assert images.name == "pictures"
    assert images.image_ids_N == ("a.png", "b.png", "c.png", "d.png")
    assert images.images_NCHW.shape == (4, 1, 16, 16)
    assert np.array_equal(images.images_NCHW[1, 0].numpy(), np.array(Image.open(folder / "b.png")))


def test_a_flat_folder_has_no_classes(folder: Path) -> None:
    images = load_folder(folder)
    assert images.labels_N is None
    assert images.class_names_K == ()
    assert images.declared_parts_N == ()


def test_subfolders_name_the_classes(classed: Path) -> None:
    images = load_folder(classed)
    assert images.class_names_K == ("cat", "dog")
    assert images.labels_N is not None
    assert dict(zip(images.image_ids_N, images.labels_N.tolist(), strict=True)) == {
        "cat/1.png": 0,
        "cat/deep/2.png": 0,
        "dog/1.png": 1,
        "dog/2.png": 1,
    }


def test_one_subfolder_alone_makes_no_classes(tmp_path: Path) -> None:
    _save(tmp_path / "all" / "a.png")
    assert load_folder(tmp_path).labels_N is None


def test_other_files_beside_the_pictures_are_passed_over(folder: Path) -> None:
    (folder / "README.txt").write_text("holiday")
    assert len(load_folder(folder)) == 4


@pytest.mark.parametrize("make", [_save, lambda path: _save(path, mode="RGB")])
@pytest.mark.parametrize("suffix", ["png", "PNG", "bmp", "webp"])
def test_several_formats_are_read(tmp_path: Path, suffix: str, make: Callable[[Path], None]) -> None:
    make(tmp_path / f"picture.{suffix}")
    assert load_folder(tmp_path).image_ids_N == (f"picture.{suffix}",)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_zip_is_read_like_the_folder_in_it(classed: Path, compression: int) -> None:
    from_zip, from_folder = load_folder(_zip(classed, compression)), load_folder(classed)
    assert from_zip.digest == from_folder.digest
    assert from_zip.class_names_K == from_folder.class_names_K


def test_a_zip_may_bring_its_own_labels(folder: Path) -> None:
    _table(folder, "file,kind", "b.png,y", "a.png,x")
    images = load_folder(_zip(folder))
    assert images.image_ids_N == ("b.png", "a.png")
    assert images.class_names_K == ("x", "y")


def test_resolution_and_channels_bring_a_mixed_folder_to_one_form(folder: Path) -> None:
    _save(folder / "e.png", mode="RGBA", size=(30, 20))
    assert load_folder(folder, resolution=8, channels=3).images_NCHW.shape == (5, 3, 8, 8)


def test_the_table_gives_classes_parts_and_order(folder: Path) -> None:
    _table(folder, "file,kind,split", "d.png,y,test", "a.png,x,train", "b.png,y,")
    images = load_folder(folder)
    assert images.image_ids_N == ("d.png", "a.png", "b.png")
    assert images.class_names_K == ("x", "y")
    assert images.labels_N is not None
    assert images.labels_N.tolist() == [1, 0, 1]
    assert images.declared_parts_N == ("test", "train", "")
    assert np.array_equal(images.images_NCHW[0, 0].numpy(), np.array(Image.open(folder / "d.png")))


def test_label_chooses_the_column_and_the_first_is_the_default(folder: Path) -> None:
    _table(folder, "file,kind,mood", "a.png,x,glad", "b.png,y,sad")
    assert load_folder(folder).class_names_K == ("x", "y")
    assert load_folder(folder, label="mood").class_names_K == ("glad", "sad")


def test_classes_that_are_written_as_numbers_keep_their_spelling(folder: Path) -> None:
    _table(folder, "file,kind", "a.png,-1", "b.png,01")
    assert load_folder(folder).class_names_K == ("-1", "01")


@pytest.mark.parametrize("word", ["None", "NA", "null"])
def test_a_class_may_have_a_name_that_means_nothing_elsewhere(folder: Path, word: str) -> None:
    _table(folder, "file,glasses", f"a.png,{word}", "b.png,round")
    assert set(load_folder(folder).class_names_K) == {word, "round"}


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    error = _refusal(tmp_path / "nowhere")
    assert error.what == str(tmp_path / "nowhere")
    assert error.found == "nothing there"
    assert error.expected == "a folder or a zip of images"
    assert "Check the path" in error.remedy


def test_a_file_that_is_no_zip_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.zip").write_text("not a zip")
    error = _refusal(tmp_path / "notes.zip")
    assert error.what == str(tmp_path / "notes.zip")
    assert error.found == "a file that is no zip"
    assert "Check the path" in error.remedy


def test_an_empty_folder_is_named_with_the_endings_that_are_looked_for(tmp_path: Path) -> None:
    error = _refusal(tmp_path)
    assert error.what == str(tmp_path)
    assert error.found == "no image files"
    assert ".png" in error.expected
    assert "Check the path" in error.remedy


def test_an_empty_zip_is_named(tmp_path: Path) -> None:
    zipfile.ZipFile(tmp_path / "empty.zip", "w").close()
    error = _refusal(tmp_path / "empty.zip")
    assert error.what == str(tmp_path / "empty.zip")
    assert error.found == "no image files"


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_corrupt_image_is_named_with_its_file(tmp_path: Path, suffix: str) -> None:
    _save(tmp_path / f"whole.{suffix}", mode="RGB")
    _save(tmp_path / "sub" / f"half.{suffix}", mode="RGB")
    _truncate(tmp_path / "sub" / f"half.{suffix}")
    error = _refusal(tmp_path)
    assert str(tmp_path) in error.what
    assert error.found == f"1 that can't be decoded: sub/half.{suffix}"
    assert "Repair or remove" in error.remedy


def test_a_text_file_with_the_name_of_an_image_is_named(folder: Path) -> None:
    (folder / "c.png").write_text("not a picture")
    assert "c.png" in _refusal(folder).found


def test_an_image_of_another_size_is_named_with_both_sizes(folder: Path) -> None:
    _save(folder / "c.png", size=(20, 10))
    error = _refusal(folder)
    assert "c.png (20x10, 1 channels)" in error.found
    assert error.expected == "all 16x16 with 1 channels"
    assert "resolution" in error.remedy


def test_an_image_with_transparency_is_named_with_its_mode(folder: Path) -> None:
    _save(folder / "c.png", mode="RGBA")
    error = _refusal(folder)
    assert error.what == f"image c.png of {folder}"
    assert error.found == "mode RGBA"
    assert "channels=3" in error.remedy


def test_a_colour_image_among_grey_ones_is_named(folder: Path) -> None:
    _save(folder / "c.png", mode="RGB")
    error = _refusal(folder)
    assert "c.png (16x16, 3 channels)" in error.found
    assert "channels" in error.remedy


def _member_start(path: Path, name: str) -> int:
    with zipfile.ZipFile(path) as archive:
        return archive.getinfo(name).header_offset


def _change(path: Path, position: int, byte: int) -> None:
    content = bytearray(path.read_bytes())
    content[position] = byte
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_corrupt_member_of_a_zip_is_named(folder: Path, compression: int) -> None:
    path = _zip(folder, compression)
    # A local header is 30 bytes and the name; 7 there is a block of a kind that deflate doesn't have.
    _change(path, _member_start(path, "b.png") + 30 + len("b.png"), 7)
    error = _refusal(path)
    assert str(path) in error.what
    assert error.found == "1 that can't be decoded: b.png"
    assert "Repair or remove" in error.remedy


def test_an_image_that_was_corrupt_before_it_was_zipped_is_named(folder: Path) -> None:
    _truncate(folder / "c.png")
    assert "c.png" in _refusal(_zip(folder)).found


def test_a_zip_with_a_password_is_refused_by_name(folder: Path) -> None:
    path = _zip(folder)
    directory = path.read_bytes().index(b"PK\x01\x02")
    _change(path, 6, 1)
    _change(path, directory + 8, 1)
    error = _refusal(path)
    assert str(path) in str(error)
    assert "a.png" in str(error)


def test_a_table_without_a_column_file_is_told_its_columns(folder: Path) -> None:
    error = _refusal(_table(folder, "image,kind", "a.png,x"))
    assert error.what == f"labels.csv of {folder}"
    assert error.found == "columns image, kind"
    assert error.expected == "a column file"
    assert "mend the table" in error.remedy


def test_a_label_that_is_no_column_is_told_the_columns(folder: Path) -> None:
    error = _refusal(_table(folder, "file,kind", "a.png,x"), label="mood")
    assert error.what == f"labels.csv of {folder}"
    assert error.found == "columns file, kind"
    assert "a column mood" in error.expected
    assert "parameter label" in error.remedy


def test_a_table_that_names_a_missing_file_is_told_which(folder: Path) -> None:
    error = _refusal(_table(folder, "file,kind", "a.png,x", "zebra.png,y"))
    assert error.what == f"labels.csv of {folder}"
    assert "zebra.png" in error.found
    assert "bring the files" in error.remedy


def test_a_row_without_a_class_is_named(folder: Path) -> None:
    error = _refusal(_table(folder, "file,kind", "a.png,x", "b.png,"))
    assert error.what == f"column kind of labels.csv of {folder}"
    assert error.found == "no value for 1 images, such as b.png"
    assert "Fill it in" in error.remedy


def test_an_unknown_split_is_named(folder: Path) -> None:
    error = _refusal(_table(folder, "file,kind,split", "a.png,x,train", "b.png,y,validation"))
    assert error.what == f"column split of labels.csv of {folder}"
    assert error.found == "validation"
    assert error.expected == "train, test, or nothing"
    assert "Mend the table" in error.remedy


@pytest.mark.parametrize(
    "content",
    [b"", b"file,kind\n", b"\xff\xfe\x00\x01", b'file,kind\na.png,"x\n'],
    ids=["empty", "header alone", "no text", "open quote"],
)
def test_a_table_that_is_none_is_named(folder: Path, content: bytes) -> None:
    (folder / "labels.csv").write_bytes(content)
    error = _refusal(folder)
    assert "labels.csv" in error.what
    assert str(folder) in error.what
    assert "table" in error.remedy


def test_a_file_that_a_table_names_twice_is_named(folder: Path) -> None:
    error = _refusal(_table(folder, "file,kind", "a.png,x", "a.png,y", "b.png,y"))
    assert error.what == f"labels.csv of {folder}"
    assert "a.png" in error.found


def test_a_row_without_a_file_is_refused(folder: Path) -> None:
    error = _refusal(_table(folder, "file,kind", ",x", "b.png,y"))
    assert error.what == f"labels.csv of {folder}"
    assert "nan" not in error.found


def test_labels_belong_to_the_images_whatever_the_order_of_the_rows(folder: Path) -> None:
    rows = ["a.png,dark", "b.png,light", "c.png,dark", "d.png,light"]
    forward = load_folder(_table(folder, "file,kind", *rows))
    backward = load_folder(_table(folder, "file,kind", *reversed(rows)))
    assert forward.take(torch.arange(3, -1, -1)).digest == backward.digest


def test_a_file_that_unpacks_to_more_than_memory_is_refused_before_it_is_unpacked(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lds_mlflow.data.folder._LARGEST_MEMBER", 1000)
    (folder / "bomb.png").write_bytes(bytes(100_000))
    path = _zip(folder, zipfile.ZIP_DEFLATED)
    monkeypatch.setattr(zipfile.ZipFile, "read", _never)
    with pytest.raises(DataError, match=r"bomb\.png in .*expected files of at most"):
        load_folder(path)


def _never(*args: object) -> bytes:
    raise AssertionError("unpacked")


@pytest.mark.parametrize("name", ["../outside.png", "/outside.png", "a/../../outside.png"])
def test_names_in_a_zip_that_point_elsewhere_touch_nothing_there(folder: Path, name: str) -> None:
    path = folder.parent / "odd.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for own in (name, "inside.png"):
            archive.write(next(folder.rglob("*.png")), own)
    before = sorted(folder.parent.parent.rglob("*"))
    assert len(load_folder(path)) == 2
    assert sorted(folder.parent.parent.rglob("*")) == before


def test_a_labels_table_can_name_no_file_outside_its_folder(folder: Path) -> None:
    outside = folder.parent / "outside.png"
    outside.write_bytes(next(folder.rglob("*.png")).read_bytes())
    (folder / "labels.csv").write_text("file,kind\n../outside.png,a\n")
    with pytest.raises(DataError, match=r"files that aren't there, such as \.\./outside\.png"):
        load_folder(folder)
