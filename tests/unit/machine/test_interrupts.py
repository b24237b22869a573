import signal
from collections.abc import Iterator

import pytest

from lds_mlflow.errors import Interrupted
from lds_mlflow.machine.interrupts import Interruption

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def _handlers() -> list[object]:
    return [signal.getsignal(signum) for signum in SIGNALS]


def _receive_deferred(
    interruption: Interruption, *signums: signal.Signals, noted: list[bool], error: Exception | None = None
) -> None:
    with interruption.deferred() as asked:
        for signum in signums:
            noted.append(asked())
            signal.raise_signal(signum)
        noted.append(asked())
        if error is not None:
            raise error


@pytest.fixture(autouse=True)
def before() -> Iterator[list[object]]:
    """The handlers before; a test that leaves others behind would disturb the next ones."""
    found = {signum: signal.getsignal(signum) for signum in SIGNALS}
    yield list(found.values())
    for signum, handler in found.items():
        signal.signal(signum, handler)


@pytest.mark.parametrize("signum", SIGNALS)
def test_the_first_signal_raises_and_names_itself(signum: signal.Signals) -> None:
    with Interruption(), pytest.raises(Interrupted) as caught:
        signal.raise_signal(signum)
    assert caught.value.signum == signum


def test_the_cleanup_after_the_first_signal_is_not_disturbed_by_more() -> None:
    with Interruption():
        with pytest.raises(Interrupted):
            signal.raise_signal(signal.SIGTERM)
        for signum in SIGNALS:
            signal.raise_signal(signum)


def test_a_deferred_signal_is_noted_and_raised_on_leaving() -> None:
    noted: list[bool] = []
    with Interruption() as interruption, pytest.raises(Interrupted) as caught:
        _receive_deferred(interruption, signal.SIGINT, noted=noted)
    assert noted == [False, True]
    assert caught.value.signum == signal.SIGINT


def test_of_several_deferred_signals_the_first_is_raised() -> None:
    with Interruption() as interruption, pytest.raises(Interrupted) as caught:
        _receive_deferred(interruption, signal.SIGTERM, signal.SIGINT, noted=[])
    assert caught.value.signum == signal.SIGTERM


def test_without_a_signal_nothing_is_raised() -> None:
    with Interruption() as interruption, interruption.deferred() as asked:
        assert not asked()


def test_after_a_deferral_a_signal_raises_at_once_again() -> None:
    with Interruption() as interruption:
        with interruption.deferred():
            pass
        with pytest.raises(Interrupted):
            signal.raise_signal(signal.SIGINT)


def test_an_error_within_a_deferral_goes_before_the_signal() -> None:
    with Interruption() as interruption, pytest.raises(ZeroDivisionError):
        _receive_deferred(interruption, signal.SIGINT, noted=[], error=ZeroDivisionError())


def test_the_handlers_from_before_are_restored(before: list[object]) -> None:
    with Interruption():
        assert _handlers() != before
    assert _handlers() == before


@pytest.mark.parametrize("signum", SIGNALS)
def test_the_handlers_are_restored_after_an_interruption(signum: signal.Signals, before: list[object]) -> None:
    with pytest.raises(Interrupted), Interruption():
        signal.raise_signal(signum)
    assert _handlers() == before
