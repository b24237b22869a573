from threading import Event

import pytest

from lds_mlflow.machine.background import in_background


def test_the_result_can_be_had_once_it_is_there() -> None:
    begun = Event()
    found = in_background(lambda: begun.wait(10))
    assert not found.done()
    begun.set()
    assert found.result(10)


def test_an_error_is_raised_where_the_result_is_asked_for() -> None:
    def fail() -> int:
        raise KeyError("no")

    with pytest.raises(KeyError, match="no"):
        in_background(fail).result(10)
