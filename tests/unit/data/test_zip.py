import zipfile
from pathlib import Path

import pytest

from lds_mlflow.data import load_folder
from lds_mlflow.errors import DataError
from tests.unit.data.conftest import refusal, table, truncate


def _zip(folder: Path, compression: int = zipfile.ZIP_STORED) -> Path:
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", compression) as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, file.relative_to(folder))
    return path


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_zip_is_read_like_the_folder_in_it(classed: Path, compression: int) -> None:
    from_zip, from_folder = load_folder(_zip(classed, compression)), load_folder(classed)
    assert from_zip.digest == from_folder.digest
    assert from_zip.class_names_K == from_folder.class_names_K


def test_a_zip_may_bring_its_own_labels(folder: Path) -> None:
    table(folder, "file,kind", "b.png,y", "a.png,x")
    images = load_folder(_zip(folder))
    assert images.ids_N == ("b.png", "a.png")
    assert images.class_names_K == ("x", "y")


def test_a_file_that_is_no_zip_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.zip").write_text("not a zip")
    error = refusal(tmp_path / "notes.zip")
    assert error.what == str(tmp_path / "notes.zip")
    assert error.found == "a file that is not a zip archive"
    assert "Check the path" in error.remedy


def test_an_empty_zip_is_named(tmp_path: Path) -> None:
    zipfile.ZipFile(tmp_path / "empty.zip", "w").close()
    error = refusal(tmp_path / "empty.zip")
    assert error.what == str(tmp_path / "empty.zip")
    assert error.found == "no image files"


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
    error = refusal(path)
    assert str(path) in error.what
    assert error.found == "files that can't be decoded (1 in all): b.png"
    assert "Repair or remove" in error.remedy


def test_an_image_that_was_corrupt_before_it_was_zipped_is_named(folder: Path) -> None:
    truncate(folder / "c.png")
    assert "c.png" in refusal(_zip(folder)).found


def test_a_zip_with_a_password_is_refused_by_name(folder: Path) -> None:
    path = _zip(folder)
    directory = path.read_bytes().index(b"PK\x01\x02")
    _change(path, 6, 1)
    _change(path, directory + 8, 1)
    error = refusal(path)
    assert str(path) in str(error)
    assert "a.png" in str(error)


def test_a_file_that_unpacks_to_more_than_memory_is_refused_before_it_is_unpacked(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lds_mlflow.data.archive._LARGEST_MEMBER", 1000)
    (folder / "bomb.png").write_bytes(bytes(100_000))
    path = _zip(folder, zipfile.ZIP_DEFLATED)
    monkeypatch.setattr(zipfile.ZipFile, "open", _never)
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


@pytest.mark.parametrize("form", ["pets/{}", "./{}", "pets\\{}"])
def test_the_names_in_a_zip_are_paths_however_its_program_has_written_them(classed: Path, form: str) -> None:
    path = classed.with_suffix(".zip")
    with zipfile.ZipFile(path, "w") as archive:
        for file in classed.rglob("*.png"):
            name = form.format(file.relative_to(classed))
            archive.write(file, name.replace("/", "\\") if "\\" in name else name)
    assert load_folder(path).class_names_K == ("cat", "dog")
