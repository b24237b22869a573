"""SQLite files of tests, which needn't outlive a machine that stops."""

import sqlite3
from sqlite3 import dbapi2
from typing import Any

__all__ = ["do_not_wait_for_disks"]


def do_not_wait_for_disks() -> None:
    """Has this process commit to SQLite files without waiting until each commit has reached the disk.

    A commit waits for tens of milliseconds, and a tiny pipeline makes hundreds. What a killed process has committed is
    there either way.
    """
    connect = sqlite3.connect

    def connect_and_leave_writing_to_the_system(*args: Any, **settings: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*args, **settings)
        connection.execute("PRAGMA synchronous = OFF")
        return connection

    # SQLAlchemy looks it up in the second.
    for module in (sqlite3, dbapi2):
        vars(module)["connect"] = connect_and_leave_writing_to_the_system
