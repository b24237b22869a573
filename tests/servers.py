"""What tests of servers share."""

import socket
import threading
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import uvicorn

__all__ = ["PATIENCE_SECONDS", "free_port", "served", "wait_until_it_answers"]

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


@contextmanager
def served(app: Callable[..., Awaitable[None]]) -> Iterator[str]:
    """Serves an application from this process on a free port, and gives its address."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_until_it_answers(f"http://127.0.0.1:{port}/ping", thread.is_alive)
    yield f"http://127.0.0.1:{port}/"
    server.should_exit = True
    thread.join()
