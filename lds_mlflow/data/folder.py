"""Images in a folder or a zip, with classes from its subfolders or from a table."""

import io
import zipfile
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

import torch

from lds_mlflow.data.layout import Layout, lay_out
from lds_mlflow.data.own_tables import given_table
from lds_mlflow.data.packing import pack_pictures
from lds_mlflow.data.pixels import Fault
from lds_mlflow.data.walk import FoundFile, walk
from lds_mlflow.errors import DataError
from lds_mlflow.values import ExampleSet

__all__ = ["AS_THEY_ARE", "Reading", "load_folder"]

_LARGEST_MEMBER = 2**28
"""Bytes of an unpacked file of a zip archive: the packed file may be a thousand times smaller."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How images are read.

    Attributes:
        resolution: Side in pixels of the square to which every image is brought by a central crop and an antialiased
            resize; 0 keeps the size of the images, which must then be equal.
        channels: 1 (grey) or 3 (colour), to which a folder's images are converted; 0 keeps their channels.
        label: The column of a folder's table that holds the class; "" takes the first label column of labels.csv.
        attributes: A table to use instead of a folder's labels.csv: of the same form, or CelebA's list of attributes.
        tolerated: Largest share of a folder's images that may be corrupt or too large; these are left out.
        packing: Folder in which a folder's images are packed, and from which an interrupted reading of the same files
            continues; None keeps the images in memory.
        on_faults: Called with the faults of images that can't be used.
        on_layout: Called with what the files of a folder are taken for, before any image is read.
    """

    resolution: int = 0
    channels: int = 0
    label: str = ""
    attributes: Path | None = None
    tolerated: float = 0.0
    packing: Path | None = None
    on_faults: Callable[[Sequence[Fault]], None] = lambda faults: None
    on_layout: Callable[[Layout], None] = lambda layout: None


AS_THEY_ARE = Reading()
"""Keeps size and channels of the images, holds them in memory, and tolerates no fault."""


def load_folder(path: Path, reading: Reading = AS_THEY_ARE) -> ExampleSet:
    """Reads the images of a folder, or of a zip.

    Their classes and parts come from folders or from tables; docs/layouts.md says which.

    Args:
        path: Folder or zip file.
        reading: How to read the images.

    Raises:
        DataError: The path doesn't exist, its files can be read in two ways, an image can't be used, or a table doesn't
            fit the images.
        DiskFullError: The disk has too little free space to pack the images.
    """
    if path.is_dir():
        return _load(path, walk(path), lambda name: _open_file(path / name), reading)
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            _require_small_members(archive, path)
            members = _members(archive)
            return _load(path, map(FoundFile, members), lambda name: _open_member(archive, members[name]), reading)
    raise DataError(
        str(path),
        found="a file that is not a zip archive" if path.exists() else "neither a file nor a folder",
        expected="a folder or a zip of images",
        remedy="Check the path; a relative path starts at the project's folder.",
    )


def _load(path: Path, files: Iterable[FoundFile], opened: Callable[[str], BinaryIO], reading: Reading) -> ExampleSet:
    """Finds out what the files are, and packs the images."""

    def content(name: str) -> bytes:
        with opened(name) as file:
            return file.read()

    given = given_table(reading.attributes) if reading.attributes else None
    layout = lay_out(files, content, where=str(path), given=given, label=reading.label)
    reading.on_layout(layout)
    packed = pack_pictures(
        [(name, partial(opened, name)) for name in layout.names_N],
        resolution=reading.resolution,
        channels=reading.channels,
        source=str(path),
        tolerated=reading.tolerated,
        folder=reading.packing,
        on_faults=reading.on_faults,
    )
    names, classes, parts = (
        [some[row] for row in packed.rows_N] if some else []
        for some in (layout.names_N, layout.classes_N, layout.parts_N)
    )
    class_names = tuple(sorted(set(classes)))
    if len(class_names) < 2:
        class_names, classes = (), []
    number = {name: k for k, name in enumerate(class_names)}
    return ExampleSet(
        name=path.name,
        examples_N=packed.images_NCHW,
        ids_N=tuple(names),
        labels_N=torch.tensor([number[name] for name in classes]) if classes else None,
        class_names_K=class_names,
        declared_parts_N=tuple(parts),
    )


def _members(archive: zipfile.ZipFile) -> dict[str, str]:
    """Returns the names of an archive's files as the paths that they stand for, each with the name, in their order."""
    paths = {_as_path(name): name for name in archive.namelist() if not name.endswith(("/", "\\"))}
    return {path: paths[path] for path in sorted(paths, key=lambda path: path.replace("/", "\0"))}


def _as_path(name: str) -> str:
    # Some programs write Windows' separators, or begin every name with "./".
    return name.replace("\\", "/").removeprefix("./").lstrip("/")


def _open_file(path: Path) -> BinaryIO:
    return path.open("rb")


def _require_small_members(archive: zipfile.ZipFile, path: Path) -> None:
    large = [member for member in archive.infolist() if member.file_size > _LARGEST_MEMBER]
    if large:
        raise DataError(
            f"{large[0].filename} in {path}",
            found=f"{large[0].file_size / 2**20:,.0f} MiB, unpacked from {large[0].compress_size / 2**20:,.1f}",
            expected=f"files of at most {_LARGEST_MEMBER / 2**20:,.0f} MiB",
            remedy="Remove the file from the archive, or unpack an archive that you trust and give the folder.",
        )


def _open_member(archive: zipfile.ZipFile, name: str) -> BinaryIO:
    try:
        return io.BytesIO(archive.read(name))
    except (zipfile.BadZipFile, zlib.error, RuntimeError) as error:
        raise OSError(f"{name} can't be read from the archive") from error
