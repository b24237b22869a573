"""Images in a folder or a zip, with classes from its subfolders or from its labels.csv."""

import io
import zipfile
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import pandas as pd
import torch
from torchvision.datasets.folder import IMG_EXTENSIONS

from lds_mlflow.data.pixels import Picture, decode_pictures
from lds_mlflow.errors import DataError
from lds_mlflow.values import ImageSet

__all__ = ["load_folder"]

_TABLE = "labels.csv"
_PARTS = {"train", "test"}
_LARGEST_MEMBER = 2**28
"""Bytes of a file in a zip, unpacked: packed it may be a thousand times smaller."""


def load_folder(path: Path, *, resolution: int = 0, channels: int = 0, label: str = "") -> ImageSet:
    """Reads every image file below a folder, or in a zip.

    A `labels.csv` at the top, if there is one, has a column `file`, any number of label columns, and perhaps a
    column `split` with "train" or "test" for every image. Without it the first subfolder of an image names its class.

    Args:
        path: Folder or zip file.
        resolution: See `decode_pictures`.
        channels: See `decode_pictures`.
        label: The column of labels.csv that holds the class; "" takes the first.

    Raises:
        DataError: Nothing is there, an image can't be used, or the table doesn't fit the images.
    """
    if path.is_dir():
        files: dict[str, Picture] = {name: (name, partial(_open_file, path / name)) for name in _walk(path)}
        table_file = path / _TABLE
        table = _read_table(table_file.read_bytes(), str(path)) if table_file.is_file() else None
        return _assemble(path, files, table, resolution=resolution, channels=channels, label=label)
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            _require_small_members(archive, path)
            files = {name: (name, partial(_open_member, archive, name)) for name in sorted(archive.namelist())}
            table = _read_table(archive.read(_TABLE), str(path)) if _TABLE in files else None
            return _assemble(path, files, table, resolution=resolution, channels=channels, label=label)
    raise DataError(
        str(path),
        found="a file that is no zip" if path.exists() else "nothing there",
        expected="a folder or a zip of images",
        remedy="Check the path; a relative one starts at the folder of the project.",
    )


def _assemble(
    path: Path,
    files: dict[str, Picture],
    table: pd.DataFrame | None,
    *,
    resolution: int,
    channels: int,
    label: str,
) -> ImageSet:
    names = [name for name in files if name.lower().endswith(IMG_EXTENSIONS) and not _is_shadow(name)]
    if not names:
        raise DataError(
            str(path),
            found="no image files",
            expected=f"files that end in {', '.join(IMG_EXTENSIONS)}",
            remedy="Check the path.",
        )
    parts: tuple[str, ...] = ()
    if table is not None:
        names, classes, parts = _from_table(table, set(names), str(path), label)
    elif all(len(PurePosixPath(name).parts) > 1 for name in names):
        classes = [PurePosixPath(name).parts[0] for name in names]
    else:
        classes = []
    class_names = tuple(sorted(set(classes)))
    if len(class_names) < 2:
        class_names, classes = (), []
    number = {name: k for k, name in enumerate(class_names)}
    pixels = decode_pictures(
        (files[name] for name in names), resolution=resolution, channels=channels, source=str(path)
    )
    return ImageSet(
        name=path.name,
        images_NCHW=pixels,
        image_ids_N=tuple(names),
        labels_N=torch.tensor([number[name] for name in classes]) if classes else None,
        class_names_K=class_names,
        declared_parts_N=parts,
    )


def _from_table(
    table: pd.DataFrame, names: set[str], source: str, label: str
) -> tuple[list[str], list[str], tuple[str, ...]]:
    where = f"{_TABLE} of {source}"
    columns = [column for column in table.columns if column not in {"file", "split"}]
    if "file" not in table.columns or (label and label not in columns):
        raise DataError(
            where,
            found=f"columns {', '.join(table.columns)}",
            expected=f"a column file{f' and a column {label}' if label else ''}",
            remedy="Name the column of the classes with the parameter label, or mend the table.",
        )
    _require_files(table["file"], names, where)
    chosen = label or (columns[0] if columns else "")
    empty = table["file"][table[chosen].isna()].tolist() if chosen else []
    if empty:
        raise DataError(
            f"column {chosen} of {where}",
            found=f"no value for {len(empty)} images, such as {empty[0]}",
            expected="a class for every image",
            remedy="Fill it in, or remove those rows.",
        )
    parts = tuple(table["split"].fillna("")) if "split" in table.columns else ()
    if not set(parts) <= _PARTS | {""}:
        raise DataError(
            f"column split of {where}",
            found=", ".join(sorted(set(parts) - _PARTS)),
            expected="train, test, or nothing",
            remedy="Mend the table; the select part is taken from train.",
        )
    return table["file"].tolist(), table[chosen].tolist() if chosen else [], parts


def _read_table(content: bytes, source: str) -> pd.DataFrame:
    try:
        # A class may be called "None" or "NA": only an empty cell is empty.
        table = pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False, na_values=[""])
        found = "no rows"
    except ValueError as error:
        table, found = pd.DataFrame(), str(error)
    if table.empty:
        raise DataError(
            f"{_TABLE} of {source}",
            found=found,
            expected="a table of comma-separated values in UTF-8 with a row for every image",
            remedy="Mend the table, or remove it.",
        )
    return table


def _require_files(files: "pd.Series[str]", names: set[str], where: str) -> None:
    repeated = files[files.duplicated() & files.notna()].tolist()
    missing = sorted(set(files.dropna()) - names)
    if files.isna().any():
        found = f"{files.isna().sum()} rows without a file"
    elif missing:
        found = f"{len(missing)} files that aren't there, such as {missing[0]}"
    elif repeated:
        found = f"{len(repeated)} files that are named again, such as {repeated[0]}"
    else:
        return
    raise DataError(where, found=found, expected="one file for every row", remedy="Mend the table, or bring the files.")


def _is_shadow(name: str) -> bool:
    # What macOS leaves beside the files of an archive.
    return name.startswith("__MACOSX/") or PurePosixPath(name).name.startswith("._")


def _walk(folder: Path) -> Iterator[str]:
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            yield file.relative_to(folder).as_posix()


def _open_file(path: Path) -> BinaryIO:
    return path.open("rb")


def _require_small_members(archive: zipfile.ZipFile, path: Path) -> None:
    large = [member for member in archive.infolist() if member.file_size > _LARGEST_MEMBER]
    if large:
        raise DataError(
            f"{large[0].filename} in {path}",
            found=f"{large[0].file_size / 2**20:,.0f} MiB, unpacked from {large[0].compress_size / 2**20:,.1f}",
            expected=f"files of at most {_LARGEST_MEMBER / 2**20:,.0f} MiB",
            remedy="Remove it from the archive, or unpack what you trust and give the folder.",
        )


def _open_member(archive: zipfile.ZipFile, name: str) -> BinaryIO:
    try:
        return io.BytesIO(archive.read(name))
    except (zipfile.BadZipFile, zlib.error, RuntimeError) as error:
        raise OSError(f"{name} can't be read from the archive") from error
