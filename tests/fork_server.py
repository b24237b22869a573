"""A process that has imported everything once and forks; each child runs a module as `python -m` does.

It is started by `tests.forks`, with a socket at which requests arrive, and ends with the process that started it.
"""

import gc
import json
import os
import runpy
import selectors
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module

from lds_mlflow.entry.fingerprint import digest_of_step_code
from lds_mlflow.entry.graph import STEPS
from tests.disks import do_not_wait_for_disks

__all__ = ["LARGEST_REQUEST", "Request"]

LARGEST_REQUEST = 1 << 20
_PRELOADED = (
    "lds_mlflow.pipeline",
    "lds_mlflow.latent.scoring.fused",
    "lds_mlflow.tracking.server",
    "tuning.search",
    # What torch imports with the first optimizer.
    "torch._dynamo",
    # What MLflow imports when it is first used.
    "alembic.command",
    "git",
    "mlflow.cli",
)


@dataclass(frozen=True, slots=True)
class Request:
    """A command.

    Attributes:
        module: What `python -m` would run.
        arguments: Its arguments.
        folder: Where it runs.
        environment: All its environment variables.
    """

    module: str
    arguments: Sequence[str]
    folder: str
    environment: dict[str, str]


def _serve(requests: socket.socket) -> Request | None:
    """Answers requests until the other side is gone; returns a request in the child that is to do it.

    With each request come three files: the child's output, its errors, and a socket that is told its process id and,
    when it has ended, its exit code.
    """
    running: dict[int, tuple[int, socket.socket]] = {}
    with selectors.DefaultSelector() as selector:
        selector.register(requests, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fd in running:
                    process, report = running.pop(key.fd)
                    selector.unregister(key.fd)
                    os.close(key.fd)
                    with report:
                        _, status = os.waitpid(process, 0)
                        report.send(str(os.waitstatus_to_exitcode(status)).encode())
                    continue
                content, files, _, _ = socket.recv_fds(requests, LARGEST_REQUEST, 3)
                if not content:
                    return None
                output, errors, told = files
                process = os.fork()
                if process == 0:
                    os.setsid()
                    os.dup2(output, 1)
                    os.dup2(errors, 2)
                    requests.close()
                    for descriptor in (*files, *running):
                        os.close(descriptor)
                    return Request(**json.loads(content))
                os.close(output)
                os.close(errors)
                report = socket.socket(fileno=told)
                report.send(str(process).encode())
                handle = os.pidfd_open(process)
                running[handle] = (process, report)
                selector.register(handle, selectors.EVENT_READ)


def _main(descriptor: int) -> None:
    for name in _PRELOADED:
        import_module(name)
    do_not_wait_for_disks()
    # Reads and parses the code of the package, which each command needs for its fingerprints.
    digest_of_step_code(*STEPS.values())
    # What a collection of garbage marks, a child has to copy; what is frozen, none looks at.
    gc.collect()
    gc.freeze()
    request = _serve(socket.socket(fileno=descriptor))
    if request is None:
        return
    os.chdir(request.folder)
    os.environ.clear()
    os.environ.update(request.environment)
    sys.argv = [request.module, *request.arguments]
    runpy.run_module(request.module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _main(int(sys.argv[1]))
