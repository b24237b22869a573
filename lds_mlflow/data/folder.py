"""Images in a folder or a zip, with classes from its subfolders or from a table."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple

import torch

from lds_mlflow.data.archive import open_archive
from lds_mlflow.data.faults import Fault
from lds_mlflow.data.file_kinds import PICTURES, FileKind
from lds_mlflow.data.layout import Layout, lay_out
from lds_mlflow.data.left_out import ending_of, sort_out
from lds_mlflow.data.names import first_class, table_of_names
from lds_mlflow.data.own_tables import Table, given_table
from lds_mlflow.data.packing import PackedPictures, pack_pictures
from lds_mlflow.data.pixels import Picture
from lds_mlflow.data.walk import FoundFile, walk
from lds_mlflow.errors import DataError
from lds_mlflow.values import IMAGES, ExampleSet

__all__ = ["AS_THEY_ARE", "Pack", "Reading", "is_mostly", "load_files", "load_folder"]


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


_LOOKED_AT = 1000

AS_THEY_ARE = Reading()
"""Keeps size and channels of the images, holds them in memory, and tolerates no fault."""


class Files(NamedTuple):
    """The files of a folder or of a zip.

    Attributes:
        found: Their names.
        open: Opens one by its name.
        read: Returns the content of one that has to be there.
    """

    found: Iterable[FoundFile]
    open: Callable[[str], BinaryIO]
    read: Callable[[str], bytes]


Pack = Callable[[Sequence[Picture], Reading, str], PackedPictures]
"""Decodes files, given by names and openers, into one array, as a reading says; the text is what to call the whole."""


def load_folder(path: Path, reading: Reading = AS_THEY_ARE) -> ExampleSet:
    """Reads the images of a folder, or of a zip; see `load_files`."""
    return load_files(path, reading, kind=PICTURES, pack=_pack, domain=IMAGES)


def load_files(path: Path, reading: Reading, *, kind: FileKind, pack: Pack, domain: str) -> ExampleSet:
    """Reads the files of one kind in a folder, or in a zip, as examples.

    Their classes and parts come from folders or from tables; docs/layouts.md says which.

    Args:
        path: Folder or zip file.
        reading: How to read them.
        kind: Which files are read.
        pack: Decodes them.
        domain: The kind of examples that they become, a key of DOMAINS.

    Raises:
        DataError: The path doesn't exist, its files can be read in two ways, a file can't be used, or a table doesn't
            fit the files.
        DiskFullError: The disk has too little free space to pack them.
    """
    with _opened(path, reading) as files:
        layout = _layout(files._replace(found=list(files.found)), path, reading, kind)
        reading.on_layout(layout)
        packed = pack([(name, partial(files.open, name)) for name in layout.names_N], reading, str(path))
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
        domain=domain,
    )


def is_mostly(kind: FileKind, other: FileKind, path: Path) -> bool:
    """Returns whether a folder or a zip holds more files of one kind than of another, by its first thousand."""
    try:
        with _opened(path, AS_THEY_ARE) as files:
            endings = (ending_of(found.name.rpartition("/")[2]) for found in files.found if not found.unreadable)
            counts = Counter(islice((one for one in endings if one in kind.endings() | other.endings()), _LOOKED_AT))
    except DataError:
        # Whoever reads it says what is wrong.
        return False
    return 2 * sum(counts[ending] for ending in kind.endings()) > counts.total()


@contextmanager
def _opened(path: Path, reading: Reading) -> Iterator[Files]:
    if path.is_dir():
        yield Files(walk(path), partial(_open_file, path), partial(_read_file, path))
    elif path.is_file():
        with open_archive(path) as archive:
            reading.on_notes(archive.notes)
            yield Files(map(FoundFile, archive.members), archive.open, archive.read)
    else:
        raise DataError(
            str(path),
            found="neither a file nor a folder",
            expected="a folder or a zip of images or sound",
            remedy="Check the path; a relative path starts at the project's folder.",
        )


def _layout(files: Files, path: Path, reading: Reading, kind: FileKind) -> Layout:
    """Finds out what the files are; parts of names are classes where nothing else says any, or where label is one."""

    def laid_out(table: Table | None, label: str) -> Layout:
        return lay_out(files.found, files.read, where=str(path), given=table, label=label, kind=kind)

    if reading.attributes:
        return laid_out(given_table(reading.attributes), reading.label)
    named = table_of_names(sort_out(files.found, kind).images) if kind.named_by_class else None
    if named and reading.label in named.rows.columns:
        return laid_out(named, reading.label)
    layout = laid_out(None, reading.label)
    if named and len(set(layout.classes_N)) < 2 and (column := first_class(named)):
        return laid_out(named, column)
    return layout


def _pack(pictures: Sequence[Picture], reading: Reading, source: str) -> PackedPictures:
    return pack_pictures(
        pictures,
        resolution=reading.resolution,
        channels=reading.channels,
        source=source,
        tolerated=reading.tolerated,
        folder=reading.packing,
        on_faults=reading.on_faults,
    )


def _open_file(folder: Path, name: str) -> BinaryIO:
    return (folder / name).open("rb")


def _read_file(folder: Path, name: str) -> bytes:
    return (folder / name).read_bytes()
