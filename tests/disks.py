"""SQLite files of tests, which needn't outlive a machine that stops."""

import sqlite3

from sqlalchemy import event
from sqlalchemy.engine import Engine

__all__ = ["do_not_wait_for_disks"]


def do_not_wait_for_disks() -> None:
    """Has this process commit to SQLite files without waiting until each commit has reached the disk.

    A commit waits for tens of milliseconds, and a tiny pipeline makes hundreds. What a killed process has committed is
    there either way.
    """

    @event.listens_for(Engine, "connect")
    def leave_writing_to_the_system(connection: object, _record: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("PRAGMA synchronous = OFF")
