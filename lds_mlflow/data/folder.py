"""Images in a folder or a zip, with classes from its subfolders or from a table."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

import torch

from lds_mlflow.data.archive import open_archive
from lds_mlflow.data.faults import Fault
from lds_mlflow.data.layout import Layout, lay_out
from lds_mlflow.data.own_tables import given_table
from lds_mlflow.data.packing import pack_pictures
from lds_mlflow.data.walk import FoundFile, walk
from lds_mlflow.errors import DataError
from lds_mlflow.values import ExampleSet

__all__ = ["AS_THEY_ARE", "Reading", "load_folder"]


@dataclass(frozen=True, slots=True)
class Reading:
    """How images are read.

    Attributes:
        resolution: Side in pixels of the square to which every image is brought by a central crop and an antialiased
            resize; 0 keeps the size of the images, which must then be equal.
        channels: 1 (grey) or 3 (colour), to which a folder's images are converted; 0 keeps their channels.
        label: The column of a folder's table that holds the class; "" takes the first label column of labels.csv.
        attributes: A table to use instead of a folder's labels.csv: of the same form, or CelebA's list of attributes.
        tolerated: Largest share of a folder's images that can't be read or are too large; these are left out.
        packing: Folder in which a folder's images are packed, and from which an interrupted reading of the same files
            continues; None keeps the images in memory.
        on_faults: Called with the faults of images that can't be used.
        on_notes: Called with sentences about how images were read that a person may not expect.
        on_layout: Called with what the files of a folder are taken for, before any image is read.
    """

    resolution: int = 0
    channels: int = 0
    label: str = ""
    attributes: Path | None = None
    tolerated: float = 0.0
    packing: Path | None = None
    on_faults: Callable[[Sequence[Fault]], None] = lambda faults: None
    on_notes: Callable[[Sequence[str]], None] = lambda notes: None
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
        return _load(path, walk(path), partial(_open_file, path), partial(_read_file, path), reading)
    if path.is_file():
        with open_archive(path) as archive:
            reading.on_notes(archive.notes)
            return _load(path, map(FoundFile, archive.members), archive.open, archive.read, reading)
    raise DataError(
        str(path),
        found="neither a file nor a folder",
        expected="a folder or a zip of images",
        remedy="Check the path; a relative path starts at the project's folder.",
    )


def _load(
    path: Path,
    files: Iterable[FoundFile],
    opened: Callable[[str], BinaryIO],
    content: Callable[[str], bytes],
    reading: Reading,
) -> ExampleSet:
    """Finds out what the files are, and packs the images."""
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
    reading.on_notes(packed.notes)
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


def _open_file(folder: Path, name: str) -> BinaryIO:
    return (folder / name).open("rb")


def _read_file(folder: Path, name: str) -> bytes:
    return (folder / name).read_bytes()
