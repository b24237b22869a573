"""Commands in forked processes, which need not import everything again.

Such a process is real: it has an id, a process group, signals, an exit code, and an interpreter that ends as usual.
What it doesn't show is that a command starts from nothing, so one test of each kind starts a command from nothing.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from itertools import count
from pathlib import Path

from tests.fork_server import Request
from tests.places import ROOT
from tests.servers import free_port

__all__ = ["Forked", "Forks", "running_forks"]


class Forked:
    """A running command, with what tests use of subprocess.Popen; it leads a process group of its own.

    Args:
        request: The command.
        requests: Where the server that forks it takes requests.
        said: The files of its output and of its errors.
    """

    def __init__(self, request: Request, requests: socket.socket, said: tuple[Path, Path]) -> None:
        self._command = [request.module, *request.arguments]
        self.returncode: int | None = None
        self._said = said
        self._report, told = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with told, said[0].open("wb") as output, said[1].open("wb") as errors:
            files = [output.fileno(), errors.fileno(), told.fileno()]
            socket.send_fds(requests, [json.dumps(asdict(request)).encode()], files)
        self.pid = int(self._report.recv(32))

    def poll(self) -> int | None:
        """Returns the exit code, or None while it runs."""
        return self._code(0)

    def communicate(self, *, timeout: float | None = None) -> tuple[str, str]:
        """Waits until it ends, and returns its output and its errors.

        Raises:
            subprocess.TimeoutExpired: It still runs after so many seconds.
        """
        if self._code(timeout) is None:
            raise subprocess.TimeoutExpired(self._command, timeout or 0)
        output, errors = (path.read_text() for path in self._said)
        return output, errors

    def send_signal(self, signum: int) -> None:
        """Sends a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, signum)

    def kill(self) -> None:
        """Sends SIGKILL, unless it has ended."""
        self.send_signal(signal.SIGKILL)

    def _code(self, timeout: float | None) -> int | None:
        """Returns the exit code, which is negative after a signal, or None while it runs."""
        if self.returncode is None:
            self._report.settimeout(timeout)
            try:
                code = self._report.recv(32)
            except (BlockingIOError, TimeoutError):
                return None
            self._report.close()
            if not code:
                raise ChildProcessError("the server of forked commands has ended")
            self.returncode = int(code)
        return self.returncode


class Forks:
    """Starts commands.

    Args:
        requests: Where a server takes requests.
        folder: Where what commands say is written.
    """

    def __init__(self, requests: socket.socket, folder: Path) -> None:
        self._requests = requests
        self._folder = folder
        self._numbers = count()

    def begin(self, module: str, *arguments: str, folder: Path = ROOT, environment: Mapping[str, str]) -> Forked:
        """Starts what `python -m` would.

        Args:
            module: Full name of a module or package.
            arguments: Its arguments.
            folder: Where it runs.
            environment: All its environment variables.
        """
        number = next(self._numbers)
        said = (self._folder / f"{number}.output", self._folder / f"{number}.errors")
        return Forked(Request(module, arguments, str(folder), dict(environment)), self._requests, said)

    def begin_together(self, module: str, *arguments: str, size: int) -> list[Forked]:
        """Starts processes that find each other as torchrun's do; nobody ends the others when one fails."""
        port = str(free_port())
        shared = {**os.environ, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": str(size)}
        return [
            self.begin(module, *arguments, environment={**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)})
            for rank in range(size)
        ]


@contextmanager
def running_forks() -> Iterator[Forks]:
    """Runs a server of forked commands."""
    own, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    with own, tempfile.TemporaryDirectory(prefix="lds-forks-", ignore_cleanup_errors=True) as folder:
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.fork_server", str(theirs.fileno())],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        try:
            yield Forks(own, Path(folder))
        finally:
            process.kill()
            process.wait()
