import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from lds_mlflow.tracking import layout
from lds_mlflow.tracking.layout import database_of, lay_out


def _ask(path: Path, question: str) -> list[tuple[str]]:
    with closing(sqlite3.connect(path)) as store, store:
        return store.execute(question).fetchall()


def _schema(path: Path) -> list[tuple[str]]:
    return _ask(path, "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY 1, 2")


@pytest.fixture
def store(tmp_path: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a store is to be; a layout is read from a database that MLflow has laid out."""

    def copied(arguments: list[str], **_options: object) -> None:
        place = arguments[0].removeprefix("sqlite:///")
        with closing(sqlite3.connect(place, uri=True)) as made, closing(sqlite3.connect(empty_database)) as laid_out:
            laid_out.backup(made)
            made.execute("DELETE FROM experiments")
            made.commit()

    monkeypatch.setattr("mlflow.db.upgrade.main", copied)
    monkeypatch.setattr(layout, "_STILL_SECONDS", 0.01)
    return tmp_path / "folder" / "store.db"


def _uri(path: Path) -> str:
    return f"sqlite:///{path}"


def _nothing(_path: Path) -> None:
    pass


def _an_empty_file(path: Path) -> None:
    path.touch()


def _first_tables(path: Path) -> None:
    _ask(path, "CREATE TABLE experiments (name TEXT)")


def _a_migration_on_its_way(path: Path) -> None:
    _ask(path, "CREATE TABLE _alembic_tmp_latest_metrics (name TEXT)")
    _ask(path, "CREATE TABLE alembic_version (version_num TEXT)")
    _ask(path, "INSERT INTO alembic_version VALUES ('451aebb31d03')")


@pytest.mark.parametrize("left", [_nothing, _an_empty_file, _first_tables, _a_migration_on_its_way])
def test_a_store_that_is_new_or_half_made_is_laid_out_as_mlflow_does(
    left: Callable[[Path], None], store: Path, empty_database: Path
) -> None:
    store.parent.mkdir()
    left(store)
    lay_out(_uri(store))
    assert _schema(store) == _schema(empty_database)
    versions = "SELECT version_num FROM alembic_version"
    assert _ask(store, versions) == _ask(empty_database, versions)


@pytest.mark.parametrize("table", ["experiments", "runs", "registered_models", "a_table_of_someone_else"])
def test_a_store_with_a_row_of_data_stays_as_it_is(table: str, store: Path) -> None:
    store.parent.mkdir()
    _ask(store, f"CREATE TABLE {table} (name TEXT)")
    _ask(store, " ".join(("INSERT INTO", table, "VALUES ('mine')")))
    before = store.read_bytes()
    lay_out(_uri(store))
    assert store.read_bytes() == before


def test_a_store_that_another_command_has_just_laid_out_is_not_laid_out_again(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_out(_uri(store))
    monkeypatch.setattr(layout, "_layout", lambda: pytest.fail("it is laid out again"))
    lay_out(_uri(store))


def test_a_new_store_keeps_a_journal_beside_it(store: Path) -> None:
    lay_out(_uri(store))
    assert _ask(store, "PRAGMA journal_mode") == [("wal",)]


def test_a_store_that_mlflow_has_laid_out_gets_a_journal_too(store: Path, empty_database: Path) -> None:
    store.parent.mkdir()
    with closing(sqlite3.connect(store)) as made, closing(sqlite3.connect(empty_database)) as laid_out:
        laid_out.backup(made)
        made.execute("PRAGMA journal_mode = DELETE")
    rows = _ask(store, "SELECT name FROM experiments")
    assert rows
    # The command that laid it out, such as `mlflow run`, keeps its connection.
    with closing(sqlite3.connect(store)) as launcher:
        launcher.execute("SELECT * FROM experiments").fetchall()
        lay_out(_uri(store))
    assert _ask(store, "PRAGMA journal_mode") == [("wal",)]
    assert _ask(store, "SELECT name FROM experiments") == rows


def test_a_store_that_other_machines_may_write_to_keeps_none(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "is_on_this_machine", lambda path: False)
    lay_out(_uri(store))
    assert _ask(store, "PRAGMA journal_mode") == [("delete",)]


def test_a_store_that_is_being_read_is_laid_out_without_one(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store.parent.mkdir()
    with closing(sqlite3.connect(store, isolation_level=None)) as reader:
        keep = layout._keep_journal

        def keep_while_it_is_read(connection: Connection) -> None:
            reader.execute("BEGIN")
            reader.execute("SELECT * FROM experiments").fetchall()
            keep(connection)

        monkeypatch.setattr(layout, "_keep_journal", keep_while_it_is_read)
        lay_out(_uri(store))
    assert _ask(store, "PRAGMA journal_mode") == [("delete",)]


def test_a_layout_that_is_interrupted_leaves_nothing(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(layout, "_layout", _interrupted)
        with pytest.raises(KeyboardInterrupt):
            lay_out(_uri(store))
    assert _schema(store) == []
    lay_out(_uri(store))
    assert _schema(store)


def _interrupted() -> list[str]:
    raise KeyboardInterrupt


def test_a_store_that_stays_locked_is_an_error(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "_LOCK_SECONDS", 0)
    monkeypatch.setattr(layout, "_PATIENCE_SECONDS", 0)
    store.parent.mkdir()
    with closing(sqlite3.connect(store, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(SQLAlchemyError, match="locked"):
            lay_out(_uri(store))


@pytest.mark.parametrize("uri", ["http://127.0.0.1:9", "file:///nowhere", "./mlruns", "databricks"])
def test_what_is_no_database_is_left_alone(uri: str) -> None:
    lay_out(uri)
    assert database_of(uri) is None


def test_a_database_in_memory_has_no_file() -> None:
    assert database_of("sqlite://") is database_of("sqlite:///:memory:") is None
    assert database_of("sqlite:////folder/mlflow.db") == Path("/folder/mlflow.db")
    assert database_of("sqlite:///mlflow.db") == Path("mlflow.db").absolute()
