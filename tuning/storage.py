"""The databases that hold studies."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from time import sleep
from typing import Any

import sqlalchemy
from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from optuna.study import Study
from optuna.trial import FrozenTrial
from sqlalchemy import Connection, Engine, event, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from lds_mlflow.config.place import handed_over
from lds_mlflow.entry.secrets import secret_in
from lds_mlflow.errors import ConfigError, LdsError, TrackingError, names_a_secret, without_passwords
from tuning.retries import RUN, try_again

__all__ = ["answering", "open_storage", "swap_attribute"]

_LOCK_SECONDS = 20
_TRIES, _PAUSE_SECONDS = 3, 1.0
_STUDIES = sqlalchemy.table("studies", sqlalchemy.column("study_id"), sqlalchemy.column("study_name"))
_ATTRIBUTES = sqlalchemy.table("study_user_attributes", *map(sqlalchemy.column, ("study_id", "key", "value_json")))
"""Optuna's own tables: it has no way to set an attribute only where nobody else has."""

_EXAMPLES = "a database that answers, such as sqlite:///tuning.db or postgresql+psycopg://USER@HOST/NAME"


def open_storage(address: str, on_stale: Callable[[str], None], heartbeat_seconds: int) -> RDBStorage:
    """Opens a storage, and creates its tables if it is new.

    Args:
        address: SQLAlchemy address without a password, which would be logged with every run's parameters.
        on_stale: Called with the id of the MLflow run of a trial whose worker is dead; the trial is tried again.
        heartbeat_seconds: Seconds between two heartbeats of a worker; after four times as long it counts as dead.

    Raises:
        ConfigError: The database can't be reached, or the address has a password.
    """
    _require_no_password(address)

    def stale(study: Study, trial: FrozenTrial) -> None:
        try_again(study, trial)
        if RUN in trial.user_attrs:
            on_stale(trial.user_attrs[RUN])

    for tried in range(1, _TRIES + 1):
        try:
            storage = _open(address, stale, heartbeat_seconds)
            break
        except (SQLAlchemyError, StorageInternalError, ImportError, ValueError, RuntimeError) as error:
            # When workers start at the same moment, each tries to create the tables, and all but one fail.
            if tried == _TRIES:
                remedy = "Start the database, or correct the address."
                raise ConfigError.because(error, "storage", expected=_EXAMPLES, remedy=remedy) from error
            sleep(_PAUSE_SECONDS)
    if storage.engine.dialect.name == "sqlite":
        _take_turns(storage.engine)
    return storage


@contextmanager
def answering(address: str) -> Iterator[None]:
    """Makes errors of a study's database in the middle of work, which is locked, full or gone, a sentence.

    Raises:
        TrackingError: The database doesn't answer, or refuses what is to be written.
    """
    try:
        yield
    except LdsError:
        raise
    except Exception as error:
        cause = _cause_in_database(error)
        if cause is None:
            raise
        raise TrackingError.because(
            cause,
            f"storage {address}",
            expected="a database that takes what is written to it",
            remedy="Correct what is said here, and run the same command again: finished trials are kept, and the one "
            "that was interrupted is tried again.",
        ) from error


def swap_attribute(address: str, study: str, name: str, before: str, after: str) -> bool:
    """Sets a user attribute of a study in one statement, if its value is `before`. Returns whether it was."""
    of_study = sqlalchemy.select(_STUDIES.c.study_id).where(_STUDIES.c.study_name == study).scalar_subquery()
    update = (
        sqlalchemy.update(_ATTRIBUTES)
        .where(_ATTRIBUTES.c.study_id == of_study)
        .where(_ATTRIBUTES.c.key == name, _ATTRIBUTES.c.value_json == json.dumps(before))
        .values(value_json=json.dumps(after))
    )
    engine = sqlalchemy.create_engine(address, poolclass=NullPool, connect_args=_waiting(address))
    with engine.begin() as connection:
        return connection.execute(update).rowcount == 1


def _cause_in_database(error: BaseException | None) -> BaseException | None:
    """Returns what the database has said, if an error comes from that of a study; MLflow's errors aren't of it."""
    if isinstance(error, SQLAlchemyError):
        return error
    while error is not None and not isinstance(error, StorageInternalError):
        error = error.__cause__ or error.__context__
    # Optuna's own message guesses at the cause.
    return None if error is None else error.__cause__ or error


class _Storage(RDBStorage):
    """A storage whose heartbeat goes on after one that the database did not take."""

    def record_heartbeat(self, trial_id: int) -> None:
        """Records a heartbeat; a database that stays away fails the trial elsewhere."""
        with suppress(StorageInternalError):
            super().record_heartbeat(trial_id)


def _require_no_password(address: str) -> None:
    try:
        url = make_url(address)
    except (ArgumentError, ValueError) as error:
        raise ConfigError("storage", found=address, expected=_EXAMPLES, remedy="Correct the address.") from error
    in_query = any(
        names_a_secret(name) or str(value) != without_passwords(str(value)) for name, value in url.query.items()
    )
    if url.password is not None or in_query:
        raise secret_in("storage", logged_by=handed_over())


def _open(address: str, stale: Callable[[Study, FrozenTrial], None], heartbeat_seconds: int) -> RDBStorage:
    return _Storage(
        address,
        heartbeat_interval=heartbeat_seconds,
        grace_period=4 * heartbeat_seconds,
        heartbeat_stale_trial_callback=stale,
        engine_kwargs={"connect_args": _waiting(address)},
    )


def _waiting(address: str) -> dict[str, int]:
    return {"timeout": _LOCK_SECONDS} if address.startswith("sqlite") else {}


def _take_turns(engine: Engine) -> None:
    """Makes every SQLite transaction begin with the lock: SQLite locks no rows, so two workers could take one trial."""

    @event.listens_for(engine, "connect")
    def leave_beginning_to_us(connection: Any, _record: Any) -> None:
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    engine.dispose()
