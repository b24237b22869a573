"""SIGINT and SIGTERM as a request to stop: at once, or after the training step in hand."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Self

from lds_mlflow.errors import Interrupted

__all__ = ["Interruption"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """While it is entered, the first signal raises Interrupted; the cleanup that follows is not disturbed by more."""

    def __init__(self) -> None:
        self._signum: int | None = None
        self._deferred = False

    def __enter__(self) -> Self:
        self._before = {signum: signal.signal(signum, self._handle) for signum in _SIGNALS}
        return self

    def __exit__(self, *details: object) -> None:
        for signum, handler in self._before.items():
            signal.signal(signum, handler)

    @contextmanager
    def deferred(self) -> Iterator[Callable[[], bool]]:
        """Within it a signal is noted and not raised; gives a function that says whether there was one.

        Raises:
            Interrupted: On leaving, if there was one.
        """
        self._deferred = True
        try:
            yield lambda: self._signum is not None
        finally:
            self._deferred = False
        if self._signum is not None:
            raise Interrupted(self._signum)

    def _handle(self, signum: int, _frame: FrameType | None) -> None:
        if self._signum is not None:
            return
        self._signum = signum
        if not self._deferred:
            raise Interrupted(signum)
