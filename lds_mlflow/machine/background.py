"""Work in a thread of its own that keeps no program from ending."""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

__all__ = ["in_background"]

T = TypeVar("T")


def in_background(work: Callable[[], T]) -> Future[T]:
    """Begins to do something, and returns what its result or its error can be had from.

    Unlike those of concurrent.futures, the thread does not have to be done before the process can end.
    """
    found: Future[T] = Future()

    def do() -> None:
        try:
            found.set_result(work())
        except Exception as error:
            found.set_exception(error)

    Thread(target=do, daemon=True).start()
    return found
