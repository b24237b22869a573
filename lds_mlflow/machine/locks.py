"""Locks between the processes of a machine."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

__all__ = ["locked"]


@contextmanager
def locked(path: Path, on_waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Lets one process at a time do what is in the block; the system frees the lock of a process that ends.

    Args:
        path: The lock's file, which is made, and its folder too.
        on_waiting: Called once where another process has the lock.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        on_waiting()
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
