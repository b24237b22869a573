"""Real commands in processes of their own, against a store of their own."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lds_mlflow.graph import ENTRY_POINTS, parameters
from tests.conftest import TINY
from tuning.entry import PARAMETERS

ROOT = Path(__file__).parents[2]
Done = subprocess.CompletedProcess[str]
Run = Callable[..., Done]
Start = Callable[..., subprocess.Popen[str]]


def environment() -> dict[str, str]:
    folder = str(Path(sys.executable).parent)
    return {
        **os.environ,
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
    }


def assignments(entry_point: str, work_dir: Path, values: dict[str, Any]) -> dict[str, str]:
    """Tiny settings, changed by `values`, as far as an entry point has them."""
    known = parameters(entry_point) if entry_point in ENTRY_POINTS else PARAMETERS
    tiny = {name: value for name, value in {**TINY, "work_dir": work_dir}.items() if name in known}
    return {name: str(value) for name, value in (tiny | values).items()}


@pytest.fixture
def mlflow_run(tracking_uri: str, tmp_path: Path) -> Run:
    """Runs an entry point through `mlflow run --env-manager local`, from a folder that is not the project's."""

    def run(entry_point: str, **values: Any) -> Done:
        command = _launcher(entry_point, tmp_path / "work", values)
        return subprocess.run(
            command, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False, timeout=300
        )

    return run


@pytest.fixture
def launch(tracking_uri: str, tmp_path: Path) -> Start:
    """Starts an entry point through `mlflow run`, in a process group of its own."""

    def begin(entry_point: str, **values: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            _launcher(entry_point, tmp_path / "work", values),
            cwd=tmp_path,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    return begin


def _launcher(entry_point: str, work_dir: Path, values: dict[str, Any]) -> list[str]:
    flags = [f"-P{name}={value}" for name, value in assignments(entry_point, work_dir, values).items()]
    project = [str(ROOT), "-e", entry_point, "--env-manager", "local"]
    return [sys.executable, "-m", "mlflow", "run", *project, *flags]


@pytest.fixture
def start(tracking_uri: str, tmp_path: Path) -> Start:
    """Starts a command and returns its process."""

    def begin(entry_point: str, **values: Any) -> subprocess.Popen[str]:
        flags = [f"--{name}={value}" for name, value in assignments(entry_point, tmp_path / "work", values).items()]
        return subprocess.Popen(
            [sys.executable, "-m", "lds_mlflow", entry_point, *flags],
            cwd=tmp_path,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return begin
