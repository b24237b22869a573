"""Tables about pictures: the class of each picture, and the part that it belongs to.

The formats are comma-separated values, and the two text files that CelebA and CelebA-HQ come with:
`list_attr_celeba.txt` (a count, a line of attribute names, then a file and 1 or -1 for each attribute) and
`list_eval_partition.txt` (a file and 0, 1 or 2: train, validation, test).
"""

import io
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from lds_mlflow.errors import DataError

__all__ = ["column_of_files", "read_list", "read_parts", "read_table", "rows_of_files"]

_FILE_COLUMNS = ("file", "image_id", "filename", "image")
_PART_COLUMNS = ("part", "split", "partition")
_PARTS = {
    "train": "train",
    "select": "select",
    "val": "select",
    "validation": "select",
    "test": "test",
    "reserve": "reserve",
}
_NUMBERED = {"0": "train", "1": "select", "2": "test"}
_SAID = {"1": "{}", "-1": "not {}"}


def read_list(path: Path, parameter: str) -> bytes:
    """Returns the content of a file that a parameter names.

    Raises:
        DataError: It can't be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(
            parameter, found=f"no readable file at {path}", expected="a file", remedy="Check the path."
        ) from error


def read_table(content: bytes, name: str) -> pd.DataFrame:
    """Reads a table of text: an empty cell becomes NaN, and every other cell stays text.

    In CelebA's form, 1 and -1 of an attribute such as Male become "Male" and "not Male".

    Args:
        content: The file.
        name: What to call it in a message, such as "labels.csv of pets".

    Raises:
        DataError: It is no table, or has no rows.
    """
    if content.split(b"\n", 1)[0].strip().isdigit():
        return _in_words(_parsed(content, name, skiprows=1, sep=r"\s+")).rename_axis("file").reset_index()
    return _parsed(content, name)


def _parsed(content: bytes, name: str, **form: Any) -> pd.DataFrame:
    try:
        # A class may be called "None" or "NA": only an empty cell is empty.
        table: pd.DataFrame = pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False, na_values=[""], **form)
        found = "no rows"
    except ValueError as error:
        table, found = pd.DataFrame(), str(error)
    if table.empty:
        raise DataError(
            name,
            found=found,
            expected="a table of comma-separated values in UTF-8 with a row for every image, or CelebA's text file",
            remedy="Correct the table, or remove it.",
        )
    return table


def _in_words(table: pd.DataFrame) -> pd.DataFrame:
    said = {name: {value: word.format(name) for value, word in _SAID.items()} for name in table.columns}
    return pd.DataFrame({name: table[name].map(said[name]) for name in table.columns}, index=table.index)


def column_of_files(table: pd.DataFrame, name: str) -> str:
    """Returns the column that names the files.

    Raises:
        DataError: There is none.
    """
    for column in _FILE_COLUMNS:
        if column in table.columns:
            return column
    raise DataError(
        name,
        found=f"columns {', '.join(table.columns)}",
        expected=f"a column {_FILE_COLUMNS[0]}",
        remedy=f"Rename the column with the file names to {_FILE_COLUMNS[0]}.",
    )


def rows_of_files(files: "pd.Series[str]", names: list[str], where: str) -> list[int | None]:
    """Returns the row of every picture, found by the picture's path, or by its file name where that is unambiguous.

    Args:
        files: What the rows name.
        names: The pictures, by their paths in the folder or zip.
        where: What to call the table in a message.

    Raises:
        DataError: A row names no file, or two name the same.
    """
    repeated = files[files.duplicated() & files.notna()].tolist()
    if files.isna().any() or repeated:
        found = (
            f"{files.isna().sum()} rows without a file"
            if files.isna().any()
            else f"files that are named more than once, such as {repeated[0]} ({len(repeated)} in all)"
        )
        raise DataError(where, found=found, expected="one file for every row", remedy="Correct the table.")
    by_path = {file: row for row, file in enumerate(files)}
    if not by_path.keys() & set(names):
        by_path = _by_last_part(files)
        names = [PurePosixPath(name).name for name in names]
    return [by_path.get(name) for name in names]


def _by_last_part(files: "pd.Series[str]") -> dict[str, int]:
    last = [PurePosixPath(file).name for file in files]
    return {name: row for row, name in enumerate(last)} if len(set(last)) == len(last) else {}


def read_parts(path: Path) -> Mapping[str, str]:
    """Reads the part of each image from a list: train, select, test or reserve.

    It is a table with columns `image_id` and `part` (the artifact splits.csv of a run of `data` is one), or CelebA's
    `list_eval_partition.txt`.

    Raises:
        DataError: The file doesn't exist, or isn't such a list.
    """
    content, name = read_list(path, "split_list"), str(path)
    if b"," in content.split(b"\n", 1)[0]:
        table = _parsed(content, name)
        columns = [column for column in _PART_COLUMNS if column in table.columns]
        files, parts = table[column_of_files(table, name)], table[columns[0]] if columns else None
    else:
        table = _parsed(content, name, sep=r"\s+", header=None)
        files, parts = table[0], table[1].replace(_NUMBERED) if table.shape[1] == 2 else None
    if parts is None or not set(parts.dropna()) <= set(_PARTS):
        found = f"columns {', '.join(map(str, table.columns))}" if parts is None else _others(parts)
        raise DataError(
            name,
            found=found,
            expected="an image and its part (train, select or test) in every row",
            remedy="Give the splits.csv of a run of data, a table with columns image_id and part, or CelebA's list.",
        )
    return {file: _PARTS[part] for file, part in zip(files, parts, strict=True) if part in _PARTS}


def _others(parts: "pd.Series[str]") -> str:
    others = sorted(set(parts.dropna()) - {*_PARTS})
    return f"{len(others)} unknown parts, such as {others[0]}"
