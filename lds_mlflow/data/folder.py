"""Images in a folder or a zip, with classes from its subfolders or from a table."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple

import pandas as pd
import torch
from torchvision.datasets.folder import IMG_EXTENSIONS

from lds_mlflow.data.archive import open_archive
from lds_mlflow.data.faults import Fault
from lds_mlflow.data.packing import pack_pictures
from lds_mlflow.data.pixels import Picture
from lds_mlflow.data.tables import column_of_files, read_list, read_table, rows_of_files
from lds_mlflow.errors import DataError
from lds_mlflow.values import ExampleSet

__all__ = ["AS_THEY_ARE", "Reading", "load_folder"]

_TABLE = "labels.csv"
_PARTS = {"train", "test"}


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
        on_faults: Called with the faults of images that are left out.
        on_notes: Called with sentences about how images were read that a person may not expect.
    """

    resolution: int = 0
    channels: int = 0
    label: str = ""
    attributes: Path | None = None
    tolerated: float = 0.0
    packing: Path | None = None
    on_faults: Callable[[Sequence[Fault]], None] = lambda faults: None
    on_notes: Callable[[Sequence[str]], None] = lambda notes: None


AS_THEY_ARE = Reading()
"""Keeps size and channels of the images, holds them in memory, and tolerates no fault."""


def load_folder(path: Path, reading: Reading = AS_THEY_ARE) -> ExampleSet:
    """Reads every image file below a folder, or in a zip.

    A `labels.csv` at the top, if there is one, has a column `file`, any number of label columns, and perhaps a
    column `split` with "train" or "test" for every image. Without it the first subfolder of an image names its class.

    Args:
        path: Folder or zip file.
        reading: How to read the images.

    Raises:
        DataError: The path doesn't exist, an image can't be used, or the table doesn't fit the images.
        DiskFullError: The disk has too little free space to pack the images.
    """
    if path.is_dir():
        files: dict[str, Picture] = {name: (name, partial(_open_file, path / name)) for name in _walk(path)}
        own = (path / _TABLE).read_bytes() if (path / _TABLE).is_file() else None
        return _assemble(path, files, own, reading)
    if path.is_file():
        with open_archive(path) as archive:
            reading.on_notes(archive.notes)
            files = {name: (name, partial(archive.open, name)) for name in archive.members}
            own = archive.read(_TABLE) if _TABLE in files else None
            return _assemble(path, files, own, reading)
    raise DataError(
        str(path),
        found="neither a file nor a folder",
        expected="a folder or a zip of images",
        remedy="Check the path; a relative path starts at the project's folder.",
    )


class _Table(NamedTuple):
    rows: pd.DataFrame
    name: str
    is_own: bool = False
    """Whether it is the labels.csv of the images, which chooses among them."""


def _table_of(path: Path, own: bytes | None, reading: Reading) -> _Table | None:
    if reading.attributes is not None:
        name = str(reading.attributes)
        return _Table(read_table(read_list(reading.attributes, "attributes"), name), name)
    name = f"{_TABLE} of {path}"
    return None if own is None else _Table(read_table(own, name), name, is_own=True)


def _assemble(path: Path, files: dict[str, Picture], own: bytes | None, reading: Reading) -> ExampleSet:
    names = [name for name in files if name.lower().endswith(IMG_EXTENSIONS) and not _is_shadow(name)]
    if not names:
        raise DataError(
            str(path),
            found="no image files",
            expected=f"files that end in {', '.join(IMG_EXTENSIONS)}",
            remedy="Check the path in the parameter data.",
        )
    table = _table_of(path, own, reading)
    parts: list[str] = []
    if table is not None:
        names, classes, parts = _from_table(table, names, reading.label)
    elif all(len(PurePosixPath(name).parts) > 1 for name in names):
        classes = [PurePosixPath(name).parts[0] for name in names]
    else:
        classes = []
    packed = pack_pictures(
        [files[name] for name in names],
        resolution=reading.resolution,
        channels=reading.channels,
        source=str(path),
        tolerated=reading.tolerated,
        folder=reading.packing,
        on_faults=reading.on_faults,
    )
    reading.on_notes(packed.notes)
    names, classes, parts = ([some[row] for row in packed.rows_N] if some else [] for some in (names, classes, parts))
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


def _from_table(table: _Table, names: list[str], label: str) -> tuple[list[str], list[str], list[str]]:
    """Returns names, classes and parts of the images that have a row."""
    rows, where = table.rows, table.name
    files = column_of_files(rows, where)
    columns = [column for column in rows.columns if column not in {files, "split"}]
    if (label or not table.is_own) and label not in columns:
        raise DataError(
            where,
            found=f"columns {', '.join(rows.columns)}",
            expected=f"a column {label}" if label else "the parameter label, which names the column of the class",
            remedy="Name the column of the class with the parameter label, or correct the table.",
        )
    if table.is_own:
        _require_files(rows[files], set(names), where)
        names = rows[files].tolist()
    else:
        rows = rows.iloc[_rows_of_all(rows[files], names, where)]
    chosen = label or (columns[0] if columns else "")
    empty = rows[files][rows[chosen].isna()].tolist() if chosen else []
    if empty:
        raise DataError(
            f"column {chosen} of {where}",
            found=f"empty cells of images, such as {empty[0]} ({len(empty)} in all)",
            expected="a class for every image",
            remedy="Fill in the missing classes, or remove those rows.",
        )
    parts = rows["split"].fillna("").tolist() if "split" in rows.columns else []
    if not set(parts) <= _PARTS | {""}:
        raise DataError(
            f"column split of {where}",
            found=", ".join(sorted(set(parts) - _PARTS)),
            expected="train, test, or an empty cell",
            remedy="Correct the table; the part select is taken from train.",
        )
    return names, rows[chosen].tolist() if chosen else [], parts


def _rows_of_all(files: "pd.Series[str]", names: list[str], where: str) -> list[int]:
    found = rows_of_files(files, names, where)
    missing = [name for name, row in zip(names, found, strict=True) if row is None]
    if missing:
        raise DataError(
            where,
            found=f"no row for {len(missing)} of {len(names)} images, such as {missing[0]}",
            expected="a row for every image",
            remedy="Add the missing rows to the table, or remove those images.",
        )
    return [row for row in found if row is not None]


def _require_files(files: "pd.Series[str]", names: set[str], where: str) -> None:
    missing = sorted(set(files.dropna()) - names)
    if missing and not files.isna().any():
        raise DataError(
            where,
            found=f"files that don't exist, such as {missing[0]} ({len(missing)} in all)",
            expected="one file for every row",
            remedy="Correct the table, or add the files.",
        )
    rows_of_files(files, [], where)


def _is_shadow(name: str) -> bool:
    # macOS adds such files to archives.
    return name.startswith("__MACOSX/") or PurePosixPath(name).name.startswith("._")


def _walk(folder: Path) -> Iterator[str]:
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            yield file.relative_to(folder).as_posix()


def _open_file(path: Path) -> BinaryIO:
    return path.open("rb")
