"""A zip of pictures: its members by name, and what can't be unpacked, and why."""

import bz2
import copy
import io
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO

from lds_mlflow.data.faults import LEFT_OUT, UnusableError
from lds_mlflow.errors import DataError, first_line

__all__ = ["Archive", "open_archive"]

_LARGEST_MEMBER = 2**28
"""Bytes of an unpacked file of a zip archive: the packed file may be a thousand times smaller."""
_OTHER_METHODS = {9: "deflate64", 93: "Zstandard", 95: "XZ", 98: "PPMd"}
_IS_LOCKED, _IS_UTF8 = 0x1, 0x800
_AT_ONCE = 4096
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA})


class Archive:
    """The files in a zip. Nothing is written to the disk.

    Args:
        content: The opened zip.
        path: What to call it in a message.

    Attributes:
        members: The files by name, sorted. A name is as Python would unpack it: without a leading slash, `.` and
            `..`, and with backslashes of Windows as slashes. Of equal names the last counts, as it does in unpacking.
        notes: What of the zip a person may not expect, in sentences.

    Raises:
        DataError: A file is too large to be unpacked.
    """

    def __init__(self, content: zipfile.ZipFile, path: Path) -> None:
        self._content, self._path = content, path
        files = [(_name_of(member), member) for member in content.infolist() if not _is_folder(member)]
        self.members = dict(sorted({name: member for name, member in files if name}.items()))
        self.notes = _notes(files, self.members)
        _require_small(self.members, path)

    def open(self, name: str) -> BinaryIO:
        """Unpacks a file into memory.

        Raises:
            UnusableError: It can't be unpacked, or is a link.
        """
        member = self.members[name]
        _require_readable(member)
        try:
            return io.BytesIO(_unpacked(self._content, member))
        except Exception as error:
            # Each method of compression has its own errors, and none is documented.
            raise UnusableError("corrupt") from error

    def read(self, name: str) -> bytes:
        """Returns the content of a file that has to be there.

        Raises:
            DataError: It can't be unpacked, or is a link.
        """
        try:
            return self.open(name).read()
        except UnusableError as error:
            words = LEFT_OUT[error.kind]
            raise DataError(
                f"{name} in {self._path}", found=words.found, expected=words.expected, remedy=words.remedy
            ) from error


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Opens a zip.

    Raises:
        DataError: It is no zip, or its directory can't be read, or a file in it is too large to be unpacked.
    """
    try:
        content = zipfile.ZipFile(path)
    except Exception as error:
        raise _no_archive(path, error) from error
    with content:
        yield Archive(content, path)


def _no_archive(path: Path, error: Exception) -> DataError:
    with path.open("rb") as file:
        is_begun = file.read(4) == b"PK\3\4"
    return DataError(
        str(path),
        found=f"a zip archive that is cut short or damaged ({first_line(error)})"
        if is_begun
        else "a file that is not a zip archive",
        expected="a folder or a zip of images or sound",
        remedy="Copy or download the archive again."
        if is_begun
        else "Check the path; a relative path starts at the project's folder.",
    )


def _name_of(member: zipfile.ZipInfo) -> str:
    name = member.filename
    if not (member.flag_bits & _IS_UTF8 or name.isascii()):
        # macOS writes UTF-8 without saying so, which is read as the code page of old PCs.
        with suppress(UnicodeError):
            name = name.encode("cp437").decode()
    return "/".join(part for part in name.replace("\\", "/").split("/") if part not in {"", ".", ".."})


def _is_folder(member: zipfile.ZipInfo) -> bool:
    return member.filename.endswith(("/", "\\"))


def _is_link(member: zipfile.ZipInfo) -> bool:
    return stat.S_ISLNK(member.external_attr >> 16)


def _notes(files: list[tuple[str, zipfile.ZipInfo]], members: dict[str, zipfile.ZipInfo]) -> list[str]:
    links = [name for name, member in members.items() if _is_link(member)]
    repeated = sorted({name for name, member in files if name and members[name] is not member})
    said = {
        "Symbolic links in the archive, which are not followed": links,
        "Names that stand more than once in the archive, of which the last file counts": repeated,
    }
    return [f"{what}: {len(names):,}, such as {names[0]}." for what, names in said.items() if names]


def _require_small(members: dict[str, zipfile.ZipInfo], path: Path) -> None:
    large = [member for member in members.values() if member.file_size > _LARGEST_MEMBER]
    if large:
        raise DataError(
            f"{large[0].filename} in {path}",
            found=f"{large[0].file_size / 2**20:,.0f} MiB, unpacked from {large[0].compress_size / 2**20:,.1f}",
            expected=f"files of at most {_LARGEST_MEMBER / 2**20:,.0f} MiB",
            remedy="Remove the file from the archive, or unpack an archive that you trust and give the folder.",
        )


def _require_readable(member: zipfile.ZipInfo) -> None:
    if member.flag_bits & _IS_LOCKED:
        raise UnusableError("locked")
    if member.compress_type not in _METHODS:
        raise UnusableError("method", _OTHER_METHODS.get(member.compress_type, f"number {member.compress_type}"))
    if _is_link(member):
        raise UnusableError("link")


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """Returns a file's content; no more is unpacked than the archive's directory says, whatever the file holds."""
    if member.compress_type == zipfile.ZIP_BZIP2:
        return _from_bzip2(archive, member)
    with archive.open(member) as file:
        if member.compress_type == zipfile.ZIP_LZMA:
            # All that is asked for is read in its packed form, and unpacked at once: up to 7,000 times as much.
            return b"".join(iter(partial(file.read, _AT_ONCE), b""))
        return file.read(member.file_size + 1)


def _from_bzip2(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    # zipfile would unpack at once what 4 KiB hold, which may be gigabytes. It is given as what isn't packed.
    packed = copy.copy(member)
    packed.compress_type, packed.file_size = zipfile.ZIP_STORED, member.compress_size
    del packed.CRC
    with archive.open(packed) as file, bz2.BZ2File(file) as unpacking:
        content = unpacking.read(member.file_size + 1)
    if len(content) != member.file_size:
        raise zipfile.BadZipFile(f"{len(content)} bytes or more, not {member.file_size}")
    return content
