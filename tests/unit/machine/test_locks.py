from pathlib import Path
from threading import Event, Thread

import pytest

from lds_mlflow.machine.locks import locked
from tests.servers import PATIENCE_SECONDS


def test_a_second_one_waits_says_so_and_goes_on_when_the_first_is_done(tmp_path: Path) -> None:
    path, waits, order = tmp_path / "locks" / "one", Event(), list[str]()

    def second() -> None:
        with locked(path, waits.set):
            order.append("second")

    thread = Thread(target=second)
    with locked(path, lambda: order.append("the first waited")):
        thread.start()
        assert waits.wait(PATIENCE_SECONDS)
        order.append("first")
    thread.join(PATIENCE_SECONDS)
    assert order == ["first", "second"]


def test_the_lock_is_free_after_an_exception(tmp_path: Path) -> None:
    def work() -> None:
        with locked(tmp_path / "one"):
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        work()
    waited = []
    with locked(tmp_path / "one", lambda: waited.append(True)):
        assert not waited
