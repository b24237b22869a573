"""What tests of servers share."""

import socket
import time
import urllib.request
from collections.abc import Callable

__all__ = ["PATIENCE_SECONDS", "free_port", "wait_until_it_answers"]

PATIENCE_SECONDS = 600
"""Only against what never ends: no test is of how long something takes."""


def free_port() -> int:
    """Returns the number of a port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_it_answers(address: str, is_alive: Callable[[], bool], said: Callable[[], str] = lambda: "") -> None:
    """Waits until a server answers with a status of 200; fails with what it has said where it ends before."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and is_alive():
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"{address} doesn't answer. {said()}")
