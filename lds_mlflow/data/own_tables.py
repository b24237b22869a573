"""The tables that lie among the images: which of them are read, and what they say about each image."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import pandas as pd

from lds_mlflow.data.labels import is_no_class
from lds_mlflow.data.tables import (
    column_of_files,
    is_index,
    others_than_parts,
    parts_of,
    read_list,
    read_table,
    rows_of_files,
    words_of,
)
from lds_mlflow.errors import DataError, quoted

__all__ = ["TABLES", "Described", "Table", "chosen_tables", "describe", "given_table", "open_table"]

TABLES = {"labels.csv": 0, "labels.tsv": 0, "metadata.csv": 1, "metadata.jsonl": 1, "dataset.json": 2}
"""Tables that are read by their names, in small letters; of those in one folder, one with the lowest rank."""
_LABELS, _DATASET = 0, 2
_SPLIT_COLUMNS = ("split", "partition")
_GIVEN = -1
"""The rank of a table that a parameter gives."""


class Table(NamedTuple):
    """A table about images.

    Attributes:
        rows: Its cells, as text.
        where: What to call it in a message.
        files: The column that names the images.
        name: Its path in the folder or zip, or the name of its file if a parameter gives it.
        rank: See TABLES; -1 for one that a parameter gives.
    """

    rows: pd.DataFrame
    where: str
    files: str
    name: str
    rank: int = _GIVEN

    @property
    def folder(self) -> str:
        """The folder from which its paths start; "" for the top."""
        return _folder(self.name) if self.is_own else ""

    @property
    def is_dataset(self) -> bool:
        """Whether it is NVlabs' dataset.json, beside which folders are no classes."""
        return self.rank == _DATASET

    @property
    def is_own(self) -> bool:
        """Whether it lies among the images, and thereby chooses among them."""
        return self.rank != _GIVEN


class Described(NamedTuple):
    """What a table says about images.

    Attributes:
        names: The images that have a row, in the order of the rows if the table is their own.
        classes: The class of each, or nothing.
        parts: The part of each, "" where the table says none; or nothing.
        column: The column that the classes are from; "" where they are from none.
        notes: What a person should know about it, in sentences.
        source: What to call the table to a person.
    """

    names: list[str]
    classes: list[str]
    parts: list[str]
    column: str = ""
    notes: tuple[str, ...] = ()
    source: str = ""


def chosen_tables(names: Iterable[str], folders: Sequence[str], where: str) -> list[str]:
    """Returns the tables to read among files: at most one in each of the folders, of the lowest rank that is there.

    Args:
        names: The files, by their paths.
        folders: Where tables are looked for.
        where: What to call the whole in a message.

    Raises:
        DataError: Two tables say the same thing, or may.
    """
    found = [name for name in names if _rank(name) is not None and _folder(name) in folders]
    best = [name for name in found if _rank(name) == min(map(_ranked, found))]
    places = [_folder(name) for name in best]
    if len(set(places)) < len(places):
        raise DataError(
            where,
            found=f"several tables of one kind: {quoted(best)}",
            expected=f"one of {', '.join(TABLES)}",
            remedy="Keep the one that is right, and remove the others.",
        )
    return best


def _rank(name: str) -> int | None:
    return TABLES.get(PurePosixPath(name).name.casefold())


def _ranked(name: str) -> int:
    return TABLES[PurePosixPath(name).name.casefold()]


def _folder(name: str) -> str:
    return name.rpartition("/")[0]


def given_table(path: Path) -> Table:
    """Reads the table that the parameter `attributes` names.

    Raises:
        DataError: It can't be read, or no column names the images.
    """
    name = str(path)
    rows = read_table(read_list(path, "attributes"), name)
    return Table(rows, name, column_of_files(rows, name), path.name)


def open_table(name: str, content: bytes, where: str) -> Table:
    """Reads a table that lies among the images.

    Raises:
        DataError: It can't be read, or no column names the images.
    """
    rank, where = _ranked(name), f"{name} of {where}"
    rows = _labels_of_dataset(content, where) if rank == _DATASET else read_table(content, where)
    return Table(rows, where, column_of_files(rows, where), name, rank)


def _labels_of_dataset(content: bytes, where: str) -> pd.DataFrame:
    """Reads NVlabs' dataset.json: {"labels": [[file, class], ...]}, or null where there are no labels."""
    try:
        labels = json.loads(content)["labels"]
        rows = [(file, _class_of(label)) for file, label in labels or []]
        if not all(isinstance(file, str) for file, _ in rows):
            raise TypeError
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise DataError(
            where,
            found="no list of labels",
            expected='{"labels": [["00000/img00000000.png", 6], ...]}, or null in place of the list',
            remedy="Correct the file as NVlabs' dataset_tool writes it, or rename it.",
        ) from error
    return pd.DataFrame(rows, columns=["file", "label"])


def _class_of(label: Any) -> str:
    is_one_hot = isinstance(label, list) and set(label) <= {0, 1} and label.count(1) == 1
    return str(label.index(1)) if is_one_hot else json.dumps(label)


def describe(table: Table, names: list[str], label: str) -> Described:
    """Finds the images of a table, and what it says about them.

    Args:
        table: The table.
        names: The images, by their paths.
        label: The column of the class; "" takes the first that can be one.

    Raises:
        DataError: The table doesn't fit the images, or the column of the class has no classes.
    """
    rows, where = table.rows, table.where
    split = next((column for column in rows.columns if column.casefold() in _SPLIT_COLUMNS), None)
    columns = [column for column in rows.columns if column not in {table.files, split}]
    if (label or not table.is_own) and label not in columns:
        raise DataError(
            where,
            found=f"columns {quoted(rows.columns)}",
            expected=f"a column {label}" if label else "the parameter label, which names the column of the class",
            remedy="Name the column of the class with the parameter label, or correct the table.",
        )
    names, places = _placed(table, names)
    rows = rows.iloc[places]
    candidates = [label] if label else [column for column in columns if not is_index(column)]
    chosen, notes = _column_of_classes(table, rows, candidates)
    classes: list[str] = words_of(_full(rows, chosen, table), chosen).tolist() if chosen else []
    return Described(names, classes, _parts(rows, split, where), chosen, notes)


def _placed(table: Table, names: list[str]) -> tuple[list[str], list[int]]:
    """Returns the images that have a row, and their rows."""
    files = table.rows[table.files]
    prefix = f"{table.folder}/" if table.folder else ""
    below = [name.removeprefix(prefix) for name in names]
    found = [
        (row, name)
        for row, name in zip(rows_of_files(files, below, table.where), names, strict=True)
        if row is not None or not table.is_own
    ]
    missing = [name for row, name in found if row is None]
    if missing:
        raise DataError(
            table.where,
            found=f"no row for {len(missing)} of {len(names)} images, such as {missing[0]}",
            expected="a row for every image",
            remedy="Add the missing rows to the table, or remove those images.",
        )
    placed = sorted((row, name) for row, name in found if row is not None) if table.is_own else found
    absent = sorted(set(range(len(files))) - {row for row, _ in found if row is not None}) if table.is_own else []
    if absent:
        example = min(files.iloc[absent])
        raise DataError(
            table.where,
            found=f"files that don't exist, such as {quoted([example])} ({len(absent)} in all)",
            expected="one file for every row",
            remedy="Correct the table, or add the files.",
        )
    return [name for _, name in placed], [row for row, _ in placed if row is not None]


def _column_of_classes(table: Table, rows: pd.DataFrame, columns: list[str]) -> tuple[str, tuple[str, ...]]:
    """Returns the first column that can be the class, and what is to be said about those before it."""
    reasons: dict[str, str] = {}
    for column in columns:
        reason = is_no_class(rows[column].dropna())
        if not reason:
            return column, _notes(reasons)
        reasons[column] = reason
    if reasons and (table.rank == _LABELS or not table.is_own):
        name, reason = next(iter(reasons.items()))
        raise DataError(
            f"column {name} of {table.where}",
            found=reason,
            expected="a column of classes, with several images in most of them",
            remedy="Name another column with the parameter label, group the values, or remove the column.",
        )
    return "", _notes(reasons)


def _notes(reasons: dict[str, str]) -> tuple[str, ...]:
    return tuple(
        f"The column {quoted([name])} isn't taken for the class: {reason}." for name, reason in reasons.items()
    )


def _full(rows: pd.DataFrame, column: str, table: Table) -> "pd.Series[str]":
    cells = rows[column].where(rows[column].str.strip() != "")
    empty = rows[table.files][cells.isna()].tolist()
    if empty:
        raise DataError(
            f"column {column} of {table.where}",
            found=f"empty cells of images, such as {empty[0]} ({len(empty)} in all)",
            expected="a class for every image",
            remedy="Fill in the missing classes, or remove those rows.",
        )
    return cells


def _parts(rows: pd.DataFrame, split: str | None, where: str) -> list[str]:
    if split is None:
        return []
    parts = parts_of(rows[split])
    if parts is None:
        raise DataError(
            f"column {split} of {where}",
            found=others_than_parts(rows[split]),
            expected="train, val (or select), test, reserve, or an empty cell",
            remedy="Correct the table.",
        )
    return parts.fillna("").tolist()
