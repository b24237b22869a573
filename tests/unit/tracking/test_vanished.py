import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from lds_mlflow.errors import TrackingError
from lds_mlflow.tracking import Tracker
from lds_mlflow.tracking.vanished import refuse_vanished_files


@pytest.fixture(params=["WAL", "DELETE"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    refuse_vanished_files()
    refuse_vanished_files()
    folder = tmp_path / "store"
    folder.mkdir()
    engine = sqlalchemy.create_engine(f"sqlite:///{folder / 'a.db'}")
    with engine.begin() as connection:
        connection.execute(text(f"PRAGMA journal_mode = {request.param}"))
        connection.execute(text("CREATE TABLE t (x)"))
    _write(engine)
    return engine


def _write(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO t VALUES (1)"))


def _replace(file: Path) -> None:
    shutil.copy(file, file.with_name("b.db"))
    file.with_name("b.db").replace(file)


@pytest.mark.parametrize(
    "lose",
    [Path.unlink, lambda file: file.rename(file.with_name("b.db")), lambda file: shutil.rmtree(file.parent), _replace],
)
def test_nothing_is_written_to_a_file_that_is_no_longer_in_its_place(
    engine: Engine, lose: Callable[[Path], None]
) -> None:
    lose(Path(str(engine.url.database)))
    with pytest.raises(OperationalError, match=r"a\.db was moved, removed or replaced while it was in use"):
        _write(engine)


def test_a_file_that_is_back_in_its_place_is_written_again(engine: Engine) -> None:
    file = Path(str(engine.url.database))
    file.rename(file.with_name("b.db"))
    with pytest.raises(OperationalError):
        _write(engine)
    file.with_name("b.db").rename(file)
    _write(engine)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM t")).scalar() == 2


def test_a_database_in_memory_has_no_place() -> None:
    refuse_vanished_files()
    engine = sqlalchemy.create_engine("sqlite://")
    for _ in range(2):
        with engine.connect() as connection:
            assert connection.execute(text("SELECT 1")).scalar() == 1


def test_a_store_that_vanishes_in_the_middle_of_work_is_a_sentence(tracker: Tracker) -> None:
    run = tracker.begin("train", parent=None, values={})
    store = Path(tracker.tracking_uri.removeprefix("sqlite:///"))
    store.rename(store.with_name("elsewhere.db"))
    with pytest.raises(TrackingError, match=r"was moved, removed or replaced.*run the same command again"), tracker:
        run.log_tags({"a": "b"})
    store.with_name("elsewhere.db").rename(store)
    run.log_tags({"a": "b"})
    assert tracker.client.get_run(run.id).data.tags["a"] == "b"
