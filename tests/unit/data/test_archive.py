"""Zips that other tools and other people write."""

import stat
import struct
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from lds_mlflow.data import Fault, Reading, load_folder
from lds_mlflow.data.archive import open_archive
from lds_mlflow.data.faults import UnusableError
from tests.unit.data.conftest import refusal, save

_METHODS = {"stored": zipfile.ZIP_STORED, "deflate": zipfile.ZIP_DEFLATED, "bzip2": zipfile.ZIP_BZIP2, "lzma": 14}


def _image(number: int, folder: Path) -> bytes:
    save(folder / "one.png", seed=number)
    return (folder / "one.png").read_bytes()


def _zip(path: Path, contents: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return path


def _images(tmp_path: Path, *names: str, method: int = zipfile.ZIP_DEFLATED) -> Path:
    return _zip(tmp_path / "set.zip", {name: _image(i, tmp_path) for i, name in enumerate(names)}, method)


def _claim(path: Path, *, local: int, central: int, value: bytes, only: str = "") -> None:
    """Overwrites a field of every file (or of one) in its own header and in the archive's directory."""
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
    at = 0
    for member in members:
        at = content.index(b"PK\1\2", at + 1 if at else 0)
        if not only or member.filename == only:
            for start in (member.header_offset + local, at + central):
                content[start : start + len(value)] = value
    path.write_bytes(content)


def _read(path: Path, **how: float) -> tuple[int, list[Fault], list[str]]:
    faults: list[Fault] = []
    notes: list[str] = []
    found = load_folder(
        path, Reading(tolerated=how.get("tolerated", 0), on_faults=faults.extend, on_notes=notes.extend)
    )
    return len(found), faults, notes


@pytest.mark.parametrize("method", _METHODS.values(), ids=_METHODS)
def test_a_file_is_unpacked_whatever_its_method(method: int, tmp_path: Path) -> None:
    content = bytes(range(256)) * 100
    with open_archive(_zip(tmp_path / "set.zip", {"a": content, "empty": b""}, method)) as archive:
        assert archive.open("a").read() == content
        assert archive.read("empty") == b""


@pytest.mark.parametrize("method", _METHODS.values(), ids=_METHODS)
def test_a_damaged_file_is_one_fault_within_what_is_tolerated(method: int, tmp_path: Path) -> None:
    path = _images(tmp_path, "a.png", "b.png", "c.png", "d.png", method=method)
    with zipfile.ZipFile(path) as archive:
        member = archive.getinfo("c.png")
    content, start = bytearray(path.read_bytes()), member.header_offset + 30 + len("c.png")
    for place in range(start + 10, start + member.compress_size - 5):
        content[place] ^= 0x5A
    path.write_bytes(content)
    found, faults, _ = _read(path, tolerated=0.3)
    assert found == 3
    assert faults == [Fault("c.png", "corrupt")]


def _lying(tmp_path: Path, method: int) -> Path:
    path = _zip(tmp_path / "set.zip", {"a.png": bytes(2**24)}, method)
    _claim(path, local=22, central=24, value=struct.pack("<I", 1000))
    return path


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2], ids=["deflate", "bzip2"])
def test_no_more_is_unpacked_than_the_directory_says(method: int, tmp_path: Path) -> None:
    with open_archive(_lying(tmp_path, method)) as archive:
        tracemalloc.start()
        with pytest.raises(UnusableError):
            archive.open("a.png")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 2**23


@pytest.mark.parametrize("method", _METHODS.values(), ids=_METHODS)
def test_a_directory_that_says_less_than_there_is_makes_a_fault(method: int, tmp_path: Path) -> None:
    with open_archive(_lying(tmp_path, method)) as archive, pytest.raises(UnusableError) as caught:
        archive.open("a.png")
    assert caught.value.kind == "corrupt"


def test_a_directory_that_says_more_than_there_is_makes_a_fault(tmp_path: Path) -> None:
    path = _images(tmp_path, "a.png", "b.png", method=zipfile.ZIP_BZIP2)
    _claim(path, local=22, central=24, value=struct.pack("<I", 10_000), only="a.png")
    assert _read(path, tolerated=0.5)[1] == [Fault("a.png", "corrupt")]


def test_a_locked_archive_is_said_to_need_a_password(tmp_path: Path) -> None:
    path = _images(tmp_path, "a.png", "b.png")
    _claim(path, local=6, central=8, value=struct.pack("<H", 1))
    error = refusal(path)
    assert error.found == "files that need a password (2 in all): a.png, b.png"
    assert "give the folder" in error.remedy


@pytest.mark.parametrize(("number", "name"), [(9, "deflate64"), (93, "Zstandard"), (98, "PPMd"), (6, "number 6")])
def test_a_method_that_is_not_read_is_named(number: int, name: str, tmp_path: Path) -> None:
    path = _images(tmp_path, "a.png", "b.png")
    _claim(path, local=8, central=10, value=struct.pack("<H", number))
    assert refusal(path).found == f"files compressed by a method that is not read here: {name} (2 in all): a.png, b.png"


def test_one_locked_file_among_many_is_left_out_and_named(tmp_path: Path) -> None:
    path = _images(tmp_path, *(f"{i}.png" for i in range(10)))
    _claim(path, local=6, central=8, value=struct.pack("<H", 1), only="3.png")
    assert _read(path, tolerated=0.1)[:2] == (9, [Fault("3.png", "locked")])


def test_the_most_frequent_fault_is_the_one_that_is_said(tmp_path: Path) -> None:
    contents = {f"{i}.png": _image(i, tmp_path) for i in range(4)} | {"broken.png": b"no image"}
    path = _zip(tmp_path / "set.zip", contents)
    for i in range(3):
        _claim(path, local=6, central=8, value=struct.pack("<H", 1), only=f"{i}.png")
    assert refusal(path).found.startswith("files that need a password (3 in all)")


def test_a_table_that_can_not_be_unpacked_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = _zip(tmp_path / "set.zip", {"labels.csv": b"file,kind\na.png,x\n", "a.png": _image(0, tmp_path)})
    _claim(path, local=6, central=8, value=struct.pack("<H", 1), only="labels.csv")
    error = refusal(path)
    assert error.what == f"labels.csv in {path}"
    assert error.found == "files that need a password"


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("cat\\1.png", "cat/1.png"),
        ("./cat/1.png", "cat/1.png"),
        ("/cat/1.png", "cat/1.png"),
        ("../cat/1.png", "cat/1.png"),
        ("cat//1.png", "cat/1.png"),
    ],
)
def test_names_are_as_they_would_be_unpacked(written: str, name: str, tmp_path: Path) -> None:
    assert load_folder(_images(tmp_path, written, "dog/1.png")).class_names_K == ("cat", "dog")
    with open_archive(tmp_path / "set.zip") as archive:
        assert list(archive.members) == [name, "dog/1.png"]


def test_names_of_macos_that_are_utf8_without_saying_so_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = _images(tmp_path, "käfer/1.png", "dog/1.png")
    _claim(path, local=6, central=8, value=struct.pack("<H", 0))
    assert load_folder(path).class_names_K == ("dog", "käfer")


@pytest.mark.filterwarnings("default:Duplicate name:UserWarning")
def test_of_a_name_that_stands_twice_the_last_file_counts_and_that_is_said(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for content in (b"no image", _image(1, tmp_path)):
            archive.writestr("a.png", content)
    found, faults, notes = _read(tmp_path / "set.zip")
    assert (found, faults) == (1, [])
    assert notes == ["Names that stand more than once in the archive, of which the last file counts: 1, such as a.png."]


def test_a_link_in_an_archive_is_not_followed_and_that_is_said(tmp_path: Path) -> None:
    path = _images(tmp_path, *(f"{i}.png" for i in range(9)))
    link = zipfile.ZipInfo("link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    found, faults, notes = _read(path, tolerated=0.1)
    assert (found, faults) == (9, [Fault("link.png", "link")])
    assert notes == ["Symbolic links in the archive, which are not followed: 1, such as link.png."]


def test_a_link_to_a_folder_is_said_though_it_is_no_image(tmp_path: Path) -> None:
    path = _images(tmp_path, "a.png")
    link = zipfile.ZipInfo("more")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, "../elsewhere")
    assert _read(path)[2] == ["Symbolic links in the archive, which are not followed: 1, such as more."]


@pytest.mark.parametrize("end", [0.5, 0.98])
def test_an_archive_that_is_cut_short_is_said_to_be(end: float, tmp_path: Path) -> None:
    path = _images(tmp_path, "a.png", "b.png")
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * end)])
    error = refusal(path)
    assert error.found.startswith("a zip archive that is cut short or damaged")
    assert "again" in error.remedy


def test_an_archive_with_a_damaged_directory_is_said_to_be(tmp_path: Path) -> None:
    path = _images(tmp_path, "a.png", "b.png")
    path.write_bytes(path.read_bytes().replace(b"PK\1\2", b"PK\7\7"))
    assert refusal(path).found.startswith("a zip archive that is cut short or damaged")


def test_folders_in_an_archive_are_no_files(tmp_path: Path) -> None:
    path = _zip(tmp_path / "set.zip", {"cat/": b"", "dog\\": b"", "cat/a.png": _image(0, tmp_path)})
    with open_archive(path) as archive:
        assert list(archive.members) == ["cat/a.png"]
