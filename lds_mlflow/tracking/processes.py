"""The processes that write runs, as a tag of the run notes them."""

import os
from socket import gethostname

import psutil

__all__ = ["has_ended", "is_alive", "this_process"]

_LEASE_SECONDS = 600.0
"""After so long without a sign of life, the process of another machine counts as ended."""


def this_process() -> str:
    """Returns the host, number and start of this process."""
    # Process ids are reused: the start time distinguishes two processes with the same id.
    return f"{gethostname()} {os.getpid()} {psutil.Process().create_time():.0f}"


def has_ended(process: str, seen: str | None, now: float) -> bool:
    """Says whether the process that writes a run has ended.

    Whether one of this machine lives is known at once. One of another, such as a container that is gone, has a lease
    that it renews; of one that has never had a lease, nothing is known.

    Args:
        process: The process, by `this_process`.
        seen: When it was last known to live, in seconds since 1970, or None.
        now: The time, likewise.
    """
    if process.rsplit(" ", 2)[0] == gethostname():
        return not is_alive(process)
    # Something else may have written the tag.
    return seen is not None and seen.isdecimal() and now - float(seen) > _LEASE_SECONDS


def is_alive(process: str) -> bool:
    """Says whether a process of this machine still runs."""
    _, number, start = process.rsplit(" ", 2)
    try:
        return f"{psutil.Process(int(number)).create_time():.0f}" == start
    except psutil.NoSuchProcess:
        return False
