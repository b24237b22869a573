"""What is installed and what is missing on this machine, and what each missing piece would give."""

import os
import platform
import shutil
import sys
import textwrap
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

import torch

from lds_mlflow.tracking import store_and_problem
from lds_mlflow.tracking.image import version_of_engine

__all__ = ["Finding", "examine", "in_lines"]

_GIB = 2**30
_WIDTH, _NAME = 80, 18
_LITTLE_ROOM = 5
_REQUIRED = "the commands: uv pip install --python PYTHON -r requirements.txt"
_ENGINE = "images of served models, and the server for a team: install and start docker, or set DOCKER_HOST"
_PACKAGES = {
    **dict.fromkeys(
        ("mlflow", "torch", "torchvision", "optuna", "numpy", "torch-fidelity", "scikit-learn", "click"), _REQUIRED
    ),
    "numba": "scores several times as fast on a CPU: uv pip install --python PYTHON numba",
    "faiss-cpu": "scorer=neighbours, for very many latents: uv pip install --python PYTHON faiss-cpu",
    "diffusers": "models in folders of diffusers (model): uv pip install --python PYTHON diffusers",
    "psycopg": "studies on several machines by PostgreSQL: uv pip install --python PYTHON 'psycopg[binary]'",
    "boto3": "artifacts in an S3-compatible store: uv pip install --python PYTHON boto3",
}
_PROGRAMS = {
    ("cc", "gcc", "clang"): ("a C compiler", "compiled=true, and torch.compile on a GPU: install gcc"),
    ("git",): ("git", "runs that say by which commit they were made: install git"),
}


class Finding(NamedTuple):
    """Something that was looked for.

    Attributes:
        topic: The heading that it stands under.
        name: What was looked for.
        found: What was found of it, or "".
        would_give: Where it is missing or little, what it would give, and how to get it.
    """

    topic: str
    name: str
    found: str
    would_give: str = ""


def examine(work_dir: Path) -> list[Finding]:
    """Returns what there is on this machine; nothing is made or changed.

    Args:
        work_dir: The folder of the commands, whose disk is looked at.
    """
    return [*_packages(), *_device(), *_programs(), _store(), _disk(work_dir)]


def in_lines(findings: list[Finding]) -> Iterator[str]:
    """Yields lines for a console; what is missing begins with a dash."""
    topic = ""
    for finding in findings:
        if finding.topic != topic:
            topic = finding.topic
            yield f"\n{topic}"
        mark = "-" if finding.would_give else "+"
        yield from _wrapped(f"  {mark} {finding.name:<{_NAME}} ", finding.found or "missing")
        if finding.would_give:
            yield from _wrapped(" " * (_NAME + 5), f"it would give {finding.would_give}")


def _wrapped(start: str, text: str) -> list[str]:
    # A path or a command is copied, so it isn't broken.
    later = " " * (_NAME + 5)
    return textwrap.wrap(
        text, _WIDTH, initial_indent=start, subsequent_indent=later, break_long_words=False, break_on_hyphens=False
    )


def _packages() -> Iterator[Finding]:
    yield Finding("Versions", "Python", platform.python_version())
    yield Finding("Versions", "PYTHON", sys.executable)
    for package, gives in _PACKAGES.items():
        found = _version_of(package)
        yield Finding("Versions", package, found, "" if found else gives)


def _version_of(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _device() -> Iterator[Finding]:
    cores = f"{os.cpu_count()} cores, of which torch uses {torch.get_num_threads()}"
    yield Finding("Device", "CPU", cores)
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            found = torch.cuda.get_device_properties(index)
            yield Finding("Device", f"cuda:{index}", f"{found.name}, {found.total_memory / _GIB:.0f} GiB")
    else:
        yield Finding(
            "Device", "GPU", "", "trainings at 64 pixels and above in minutes: install torch for its driver's CUDA"
        )


def _programs() -> Iterator[Finding]:
    for names, (what, gives) in _PROGRAMS.items():
        found = next(filter(None, map(shutil.which, names)), "")
        yield Finding("Programs", what, found, "" if found else gives)
    engine = version_of_engine()
    yield Finding("Programs", "a container engine", engine or "none that answers", "" if engine else _ENGINE)


def _store() -> Finding:
    address, problem = store_and_problem()
    if not problem:
        return Finding("Tracking", "store", address)
    gives = "runs: start the server, or set MLFLOW_TRACKING_URI to a store that answers"
    return Finding("Tracking", "store", f"{address}: {problem}", gives)


def _disk(folder: Path) -> Finding:
    nearest = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    free = shutil.disk_usage(nearest).free / _GIB
    little = "room for data sets and models: free some, or name another work_dir" if free < _LITTLE_ROOM else ""
    return Finding("Disk", str(folder), f"{free:.1f} GiB free", little)
