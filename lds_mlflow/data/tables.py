"""Tables about pictures: the class of each picture, and the part that it belongs to.

The formats are text with commas, tabs or semicolons between the cells; JSON lines, as Hugging Face's ImageFolder has
them; the dataset.json of NVlabs' StyleGAN tools; and the two text files that CelebA and CelebA-HQ come with:
`list_attr_celeba.txt` (a count, a line of attribute names, then a file and 1 or -1 for each attribute) and
`list_eval_partition.txt` (a file and 0, 1 or 2: train, validation, test).
"""

import io
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from lds_mlflow.data.labels import composed, tidy
from lds_mlflow.data.part_folders import PART_WORDS
from lds_mlflow.errors import DataError, quoted

__all__ = [
    "column_of_files",
    "is_index",
    "others_than_parts",
    "parts_of",
    "read_list",
    "read_parts",
    "read_table",
    "rows_of_files",
    "words_of",
]

_FILE_COLUMNS = ("file", "file_name", "image_id", "filename", "image", "path", "filepath", "image_path")
_PART_COLUMNS = ("part", "split", "partition")
_NUMBERED = {"0": "train", "1": "select", "2": "test"}
_SIGNS = {"1": "{}", "-1": "not {}"}
_INDEX = re.compile(r"Unnamed: \d+|")


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

    Args:
        content: The file.
        name: What to call it in a message, such as "labels.csv of pets".

    Raises:
        DataError: It is no table, or has no rows.
    """
    first = content.split(b"\n", 1)[0].strip()
    if first.isdigit():
        return _parsed(content, name, skiprows=1, sep=r"\s+").rename_axis("file").reset_index()
    if first.startswith(b"{"):
        return _from_json_lines(content, name)
    separator = max(",\t;", key=first.decode(errors="replace").count)
    return _parsed(content, name, sep=separator, skipinitialspace=True)


def _parsed(content: bytes, name: str, **form: Any) -> pd.DataFrame:
    try:
        # A class may be called "None" or "NA": only an empty cell is empty.
        table: pd.DataFrame = pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False, na_values=[""], **form)
    except ValueError as error:
        raise _no_table(name, str(error)) from error
    return _with_rows(table, name)


def _from_json_lines(content: bytes, name: str) -> pd.DataFrame:
    try:
        rows = [json.loads(line) for line in content.decode("utf-8-sig").splitlines() if line.strip()]
        table = pd.DataFrame([{key: _as_text(value) for key, value in row.items()} for row in rows], dtype=object)
    except (ValueError, AttributeError, RecursionError) as error:
        raise _no_table(name, str(error)) from error
    return _with_rows(table, name)


def _as_text(value: Any) -> str | None:
    return value or None if value is None or isinstance(value, str) else json.dumps(value)


def _with_rows(table: pd.DataFrame, name: str) -> pd.DataFrame:
    if table.empty:
        raise _no_table(name, "no rows")
    table = table.rename(columns=lambda column: tidy(str(column)))
    if not table.columns.is_unique:
        raise _no_table(name, f"columns of one name: {quoted(table.columns[table.columns.duplicated()])}")
    return table


def _no_table(name: str, found: str) -> DataError:
    return DataError(
        name,
        found=found,
        expected="a table of comma-separated values in UTF-8 with a row for every image, JSON lines, or CelebA's file",
        remedy="Correct the table, or remove it.",
    )


def column_of_files(table: pd.DataFrame, name: str) -> str:
    """Returns the column that names the files.

    Raises:
        DataError: There is none.
    """
    by_name = {str(column).casefold(): str(column) for column in reversed(table.columns)}
    for column in _FILE_COLUMNS:
        if column in by_name:
            return by_name[column]
    raise DataError(
        name,
        found=f"columns {quoted(table.columns)}",
        expected=f"a column {_FILE_COLUMNS[0]}",
        remedy=f"Rename the column with the file names to {_FILE_COLUMNS[0]}.",
    )


def is_index(column: str) -> bool:
    """Returns whether pandas has written the row numbers as this column, without a name."""
    return _INDEX.fullmatch(column) is not None


def words_of(cells: "pd.Series[str]", column: str) -> "pd.Series[str]":
    """Returns the cells of a column, in words where they are 1 and -1 as CelebA has them: "Male" and "not Male"."""
    if "-1" not in (signs := set(cells.dropna())) or not signs <= _SIGNS.keys():
        return cells
    return cells.map({sign: word.format(column) for sign, word in _SIGNS.items()})


def parts_of(cells: "pd.Series[str]") -> "pd.Series[str] | None":
    """Returns the part that each cell names (train, select, test, reserve or NaN), or None where one names none."""
    said = cells.str.strip().str.casefold()
    named = set(said.dropna())
    words = _NUMBERED if named <= _NUMBERED.keys() else PART_WORDS
    return said.map(words) if named <= words.keys() else None


def rows_of_files(files: "pd.Series[str]", names: Sequence[str], where: str) -> list[int | None]:
    """Returns the row of every picture, found by the picture's path, or by its file name where that is unambiguous.

    Args:
        files: What the rows name.
        names: The pictures, by their paths in the folder or zip.
        where: What to call the table in a message.

    Raises:
        DataError: A row names no file, two name the same, or one could name several pictures.
    """
    missing = int(files.isna().sum())
    written = [] if missing else [_as_path(file) for file in files]
    by_path = {file: row for row, file in enumerate(written)}
    if missing or len(by_path) < len(files):
        repeated = files[files.duplicated()]
        example = repeated.iloc[0] if len(repeated) else next(iter(by_path), "")
        raise DataError(
            where,
            found=f"{missing} rows without a file"
            if missing
            else f"files that are named more than once, such as {example} ({len(files) - len(by_path)} in all)",
            expected="one file for every row",
            remedy="Correct the table.",
        )
    names = [composed(name) for name in names]
    if by_path.keys().isdisjoint(names):
        by_path = _by_last_part(written)
        names = [PurePosixPath(name).name for name in names]
        _require_one_each([name for name in names if name in by_path], where)
    return [by_path.get(name) for name in names]


def _as_path(file: str) -> str:
    return composed(file).strip().replace("\\", "/").removeprefix("./")


def _by_last_part(files: list[str]) -> dict[str, int]:
    last = [PurePosixPath(file).name for file in files]
    return {name: row for row, name in enumerate(last)} if len(set(last)) == len(last) else {}


def _require_one_each(names: list[str], where: str) -> None:
    ((repeated, count),) = Counter(names).most_common(1) or [("", 0)]
    if count < 2:
        return
    raise DataError(
        where,
        found=f"a row for {repeated}, of which there are {count} in different folders",
        expected="rows that say which image they are about",
        remedy="Write the path of each image, such as train/0001.png, into the table.",
    )


def read_parts(path: Path) -> Mapping[str, str]:
    """Reads the part of each image from a list: train, select, test or reserve.

    It is a table with columns `image_id` and `part` (the artifact splits.csv of a run of `data` is one), or CelebA's
    `list_eval_partition`, as text or as Kaggle's table.

    Raises:
        DataError: The file doesn't exist, or isn't such a list.
    """
    content, name = read_list(path, "split_list"), str(path)
    if b"," in content.split(b"\n", 1)[0]:
        table = _with_rows(_parsed(content, name, skipinitialspace=True), name)
        columns = [column for column in table.columns if column.casefold() in _PART_COLUMNS]
        files, cells = table[column_of_files(table, name)], table[columns[0]] if columns else None
    else:
        table = _parsed(content, name, sep=r"\s+", header=None)
        files, cells = table["0"], table["1"] if table.shape[1] == 2 else None
    parts = None if cells is None else parts_of(cells)
    if cells is None or parts is None:
        found = f"columns {quoted(table.columns)}" if cells is None else others_than_parts(cells)
        raise DataError(
            name,
            found=found,
            expected="an image and its part (train, select or test) in every row",
            remedy="Give the splits.csv of a run of data, a table with columns image_id and part, or CelebA's list.",
        )
    return {
        _as_path(file): part
        for file, part in zip(files, parts, strict=True)
        if isinstance(file, str) and isinstance(part, str)
    }


def others_than_parts(cells: "pd.Series[str]") -> str:
    """Returns which cells name no part, in words."""
    others = sorted({cell for cell in cells.dropna() if cell.strip().casefold() not in PART_WORDS})
    return f"{len(others)} unknown parts, such as {quoted(others[:1])}"
