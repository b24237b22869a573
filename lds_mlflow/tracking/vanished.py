"""SQLite files that are moved, removed or replaced while this process uses them.

SQLite goes on with a file that has lost its name, if it keeps a write-ahead journal. Whatever is written from then on
would be lost without a word.
"""

import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import Pool, event
from sqlalchemy.exc import OperationalError

__all__ = ["refuse_vanished_files"]

_PLACE, _IDENTITY = "place", "identity"


def refuse_vanished_files() -> None:
    """Makes whatever this process asks of a SQLite file an OperationalError once the file is no longer in its place."""
    if not event.contains(Pool, "checkout", _require_in_place):
        event.listen(Pool, "connect", _note_place)
        event.listen(Pool, "checkout", _require_in_place)


def _note_place(connection: Any, record: Any) -> None:
    if isinstance(connection, sqlite3.Connection):
        record.info[_PLACE] = connection.execute("PRAGMA database_list").fetchone()[2]


def _require_in_place(_connection: Any, record: Any, _proxy: Any) -> None:
    # A database in memory has no place, and a new file comes into being with the first statement.
    place = record.info.get(_PLACE)
    if not place:
        return
    found = _identity(Path(place))
    noted = record.info[_IDENTITY] = record.info.get(_IDENTITY) or found
    if noted != found:
        said = sqlite3.OperationalError(f"{place} was moved, removed or replaced while it was in use")
        raise OperationalError(None, None, said)


def _identity(file: Path) -> tuple[int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
