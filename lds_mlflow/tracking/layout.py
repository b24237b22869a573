"""The first layout of a store: of a SQLite file, once, and whole or not at all.

MLflow lays a database out by dozens of migrations, which SQLite commits one by one. Two commands that do so at once
fail, and one that is interrupted leaves tables that no later command can use. So the layout is made in memory, and
copied in one transaction, which keeps other processes out from its beginning on.

A store on a disk of this machine also gets a write-ahead journal, whoever has laid it out: `mlflow run` does so before
the project begins.
"""

import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from time import monotonic, sleep
from uuid import uuid4

import sqlalchemy
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from mlflow.db import upgrade
from mlflow.store import db_migrations
from mlflow.store.db.db_types import DATABASE_ENGINES, SQLITE
from sqlalchemy import Connection, make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from lds_mlflow.machine.files import is_on_this_machine

__all__ = ["database_of", "lay_out"]

_LOCK_SECONDS, _PATIENCE_SECONDS = 1, 300
_STILL_SECONDS = 3.0
_JOURNAL = "wal"
_MADE_BY_MIGRATIONS = {"alembic_version", "workspaces"}
"""The tables that have rows in a store without data."""


def lay_out(uri: str) -> None:
    """Lays out a SQLite store that is new, or whose first layout was interrupted; any other database is only opened.

    What is in a store that has a row of data stays as it is.

    Args:
        uri: Address of a tracking store; nothing is done for one that is no database.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: The database can't be opened.
        ImportError: The database's driver isn't installed.
    """
    if uri.split(":", 1)[0].split("+", 1)[0] not in DATABASE_ENGINES:
        return
    path = database_of(uri)
    arguments = {"timeout": _LOCK_SECONDS} if path else {}
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
    engine = sqlalchemy.create_engine(uri, poolclass=NullPool, isolation_level="AUTOCOMMIT", connect_args=arguments)
    with engine.connect() as store:
        if path is None:
            return
        if not _is_in_use(store):
            _make_whole(path, store)
        if is_on_this_machine(path):
            _keep_journal(store)


def database_of(uri: str) -> Path | None:
    """Returns the file of a SQLite store; None for a database in memory, and for any other store."""
    if not uri.startswith(f"{SQLITE}:"):
        return None
    database = make_url(uri).database
    return None if not database or database.startswith((":memory:", "file:")) else Path(database).absolute()


def _make_whole(path: Path, store: Connection) -> None:
    _wait_until_still(path, store)
    _lock(store)
    tables = sqlalchemy.inspect(store).get_table_names()
    without_data = all(_is_empty(store, table) for table in tables if table not in _MADE_BY_MIGRATIONS)
    if without_data and not _is_laid_out(store):
        for statement in [*(f'DROP TABLE "{table}"' for table in tables), *_layout()]:
            store.exec_driver_sql(statement)
    store.exec_driver_sql("COMMIT")


def _is_in_use(store: Connection) -> bool:
    # MLflow makes its default experiment once everything else is there.
    try:
        return not _is_empty(store, "experiments")
    except OperationalError:
        # There is no such table, or another process holds the lock.
        return False


def _is_empty(store: Connection, table: str) -> bool:
    return store.execute(sqlalchemy.select(1).select_from(sqlalchemy.table(table)).limit(1)).first() is None


def _is_laid_out(store: Connection) -> bool:
    last = ScriptDirectory(str(Path(db_migrations.__file__).parent)).get_current_head()
    return MigrationContext.configure(store).get_current_revision() == last


def _wait_until_still(path: Path, store: Connection) -> None:
    """Waits while a program that doesn't take the lock, such as `mlflow ui`, may be laying out the database."""
    seen = 0
    while path.stat().st_size and seen != (seen := path.stat().st_mtime_ns) and not _is_in_use(store):
        sleep(_STILL_SECONDS)


def _lock(store: Connection) -> None:
    deadline = monotonic() + _PATIENCE_SECONDS
    while True:
        # Each try is short: SQLite doesn't let a signal interrupt it.
        try:
            store.exec_driver_sql("BEGIN EXCLUSIVE")
        except OperationalError as error:
            if "locked" not in str(error.orig) or monotonic() > deadline:
                raise
        else:
            return


def _keep_journal(store: Connection) -> None:
    """Has a store write each commit to the disk once, to a journal beside it, and not to a new file and to its own."""
    kept = store.exec_driver_sql("PRAGMA journal_mode").scalar_one()
    if kept == _JOURNAL or not _is_laid_out(store):
        return
    # Who reads the store at this moment keeps it as it is, which is slower and nothing else.
    with suppress(OperationalError):
        store.exec_driver_sql(f"PRAGMA journal_mode = {_JOURNAL}")


def _layout() -> list[str]:
    """Returns the statements that make a database as MLflow lays it out."""
    # In memory: a file would wait for the disk after each migration.
    place = f"file:{uuid4().hex}?mode=memory&cache=shared"
    with closing(sqlite3.connect(place, uri=True)) as made:
        upgrade.main([f"{SQLITE}:///{place}&uri=true"], standalone_mode=False)
        return [line for line in made.iterdump() if line not in ("BEGIN TRANSACTION;", "COMMIT;")]
