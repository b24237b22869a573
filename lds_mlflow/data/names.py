"""The parts of files' names as a table: 3_theo_12.wav has the parts 3, theo and 12."""

from collections.abc import Sequence
from pathlib import PurePosixPath

import pandas as pd

from lds_mlflow.data.labels import is_no_class
from lds_mlflow.data.own_tables import Table

__all__ = ["first_class", "table_of_names"]

_FILE = "file"
_SEPARATORS = ("_", "-")
_WHERE = "the files' names"


def table_of_names(names: Sequence[str]) -> Table | None:
    """Returns a table of the parts of names, in the columns name_1, name_2, ..., or None where there are none.

    Args:
        names: Files, by their paths. All have to have the same number of parts, at least two, between underscores or
            else between hyphens.
    """
    stems = [PurePosixPath(name).stem for name in names]
    for separator in _SEPARATORS:
        parts = [stem.split(separator) for stem in stems]
        if len({len(some) for some in parts}) == 1 and len(parts[0]) > 1:
            columns = [f"name_{number}" for number in range(1, len(parts[0]) + 1)]
            rows = pd.DataFrame(parts, columns=columns, dtype=str)
            rows.insert(0, _FILE, list(names))
            return Table(rows, _WHERE, _FILE, _WHERE)
    return None


def first_class(table: Table) -> str:
    """Returns the first column of a table of names that can be a class, with two files of each or more in the mean."""
    for column in table.rows.columns.drop(_FILE):
        cells = table.rows[column]
        different = cells.nunique()
        if 1 < different <= len(cells) / 2 and not is_no_class(cells):
            return str(column)
    return ""
