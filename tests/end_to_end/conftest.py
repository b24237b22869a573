"""Commands in processes of their own, against a store of their own.

A process is forked from one that has imported everything, unless how a command starts is part of what a test is of.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import pytest
from mlflow import MlflowClient

from lds_mlflow.entry.points import ENTRY_POINTS
from tests.conftest import TINY, use_store
from tests.forks import Forks
from tests.places import ROOT
from tests.postgres import find_postgres, running_postgres
from tests.servers import PATIENCE_SECONDS
from tests.tracking_server import PASSWORD, USER, TrackingServer, running_s3
from tuning.entry import TUNE


class Process(Protocol):
    """A running command, forked or not."""

    @property
    def pid(self) -> int: ...

    @property
    def returncode(self) -> int | Any: ...

    def poll(self) -> int | None: ...

    def communicate(self, *, timeout: float | None = None) -> tuple[str, str]: ...

    def send_signal(self, signum: int, /) -> None: ...

    def kill(self) -> None: ...


Done = subprocess.CompletedProcess[str]
Run = Callable[..., Done]
Start = Callable[..., Process]
Started = Callable[[list[str]], subprocess.Popen[str]]


def environment() -> dict[str, str]:
    folder = str(Path(sys.executable).parent)
    return {
        **os.environ,
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": f"{ROOT / 'tests' / 'startup'}{os.pathsep}{ROOT}",
        "OMP_NUM_THREADS": "1",
    }


def assignments(entry_point: str, work_dir: Path, values: dict[str, Any]) -> dict[str, str]:
    """Tiny settings, changed by `values`, as far as an entry point has them."""
    known = {**ENTRY_POINTS, TUNE.name: TUNE}[entry_point].parameters
    tiny = {name: value for name, value in {**TINY, "work_dir": work_dir}.items() if name in known}
    return {name: str(value) for name, value in (tiny | values).items()}


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrackingServer]:
    """A tracking server with PostgreSQL, S3 and passwords, which a test may stop and has to start again."""
    programs = find_postgres()
    if programs is None:
        pytest.skip("PostgreSQL isn't installed (Debian: apt install postgresql)")
    with running_postgres(programs) as postgres, running_s3() as s3:
        found = TrackingServer(tmp_path_factory.mktemp("server"), postgres, s3)
        found.lay_out()
        found.start()
        try:
            yield found
        finally:
            found.stop()


@pytest.fixture
def server_store(server: TrackingServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of the server, with an experiment of the test's own and no models."""
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", USER)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)
    use_store(monkeypatch, server.uri, f"tests-{uuid4().hex[:8]}")
    client = MlflowClient(server.uri)
    for model in client.search_registered_models():
        client.delete_registered_model(model.name)
    return server.uri


on_both_stores = pytest.mark.parametrize("tracking_uri", ["local_store", "server_store"], indirect=True)
on_the_server = pytest.mark.parametrize("tracking_uri", ["server_store"], indirect=True)


@pytest.fixture
def mlflow_run(tracking_uri: str, tmp_path: Path, forks: Forks) -> Run:
    """Runs an entry point through `mlflow run --env-manager local`, from a folder that is not the project's.

    The launcher is forked; the command that it launches starts from nothing.
    """

    def run(entry_point: str, **values: Any) -> Done:
        command = _launcher(entry_point, tmp_path / "work", values)
        process = forks.begin("mlflow", *command, folder=tmp_path, environment=environment())
        output, errors = process.communicate(timeout=PATIENCE_SECONDS)
        return Done(command, process.poll() or 0, output, errors)

    return run


@pytest.fixture
def launch(tracking_uri: str, tmp_path: Path, started: Started) -> Start:
    """Starts an entry point through `mlflow run`, in a process group of its own, all of it from nothing."""

    def begin(entry_point: str, **values: Any) -> Process:
        return started([sys.executable, "-m", "mlflow", *_launcher(entry_point, tmp_path / "work", values)])

    return begin


def _launcher(entry_point: str, work_dir: Path, values: dict[str, Any]) -> list[str]:
    flags = [f"-P{name}={value}" for name, value in assignments(entry_point, work_dir, values).items()]
    return ["run", str(ROOT), "-e", entry_point, "--env-manager", "local", *flags]


@pytest.fixture
def start(tracking_uri: str, tmp_path: Path, forks: Forks) -> Iterator[Start]:
    """Starts commands in forked processes; none outlives its test."""
    processes: list[Process] = []

    def begin(entry_point: str, **values: Any) -> Process:
        package, *words = _command(entry_point, tmp_path / "work", values)
        processes.append(forks.begin(package, *words, folder=tmp_path, environment=environment()))
        return processes[-1]

    yield begin
    _end(processes)


@pytest.fixture
def start_from_nothing(tracking_uri: str, tmp_path: Path, started: Started) -> Start:
    """Starts a command as a shell does."""

    def begin(entry_point: str, **values: Any) -> Process:
        return started([sys.executable, "-m", *_command(entry_point, tmp_path / "work", values)])

    return begin


def _command(entry_point: str, work_dir: Path, values: dict[str, Any]) -> list[str]:
    flags = [f"--{name}={value}" for name, value in assignments(entry_point, work_dir, values).items()]
    return ["lds_mlflow", entry_point, *flags]


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Started]:
    """Starts processes, each in a group of its own; none outlives its test."""
    processes: list[subprocess.Popen[str]] = []

    def begin(command: list[str]) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            command,
            cwd=tmp_path,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        processes.append(process)
        return process

    yield begin
    _end(processes)


def _end(processes: Sequence[Process]) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        if process.poll() is None:
            process.communicate(timeout=PATIENCE_SECONDS)
