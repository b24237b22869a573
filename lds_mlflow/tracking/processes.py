"""The processes that write runs, as a tag of the run notes them."""

import os
from socket import gethostname

import psutil

__all__ = ["is_alive", "this_process"]


def this_process() -> str:
    """Returns the host, number and start of this process."""
    # Process ids are reused: the start time distinguishes two processes with the same id.
    return f"{gethostname()} {os.getpid()} {psutil.Process().create_time():.0f}"


def is_alive(process: str) -> bool:
    """Says whether a process of this machine still runs."""
    _, number, start = process.rsplit(" ", 2)
    try:
        return f"{psutil.Process(int(number)).create_time():.0f}" == start
    except psutil.NoSuchProcess:
        return False
