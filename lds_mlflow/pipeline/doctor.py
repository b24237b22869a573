"""What is installed and what is missing on this machine, and what each missing piece would give."""

import os
import platform
import shutil
import textwrap
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import torch

from lds_mlflow.choices.extractors import EXTRACTORS
from lds_mlflow.config import Options
from lds_mlflow.errors import LdsError, without_passwords
from lds_mlflow.tracking import Tracker

__all__ = ["Finding", "examine", "in_lines"]

_GIB = 2**30
_WIDTH, _NAME = 80, 18
_LITTLE_ROOM = 5
_PACKAGES = ("mlflow", "torch", "torchvision", "optuna", "numpy", "torch-fidelity", "scikit-learn")
_EXTRAS = {
    "numba": ("numba", "scores several times as fast on a CPU: pip install numba"),
    "faiss": ("faiss-cpu", "scorer=neighbours, for very many latents: pip install faiss-cpu"),
    "psycopg": ("psycopg", "studies on several machines by PostgreSQL: pip install 'psycopg[binary]'"),
    "boto3": ("boto3", "artifacts in an S3-compatible store: pip install boto3"),
}
_PROGRAMS = {
    ("cc", "gcc", "clang"): ("a C compiler", "compiled=true, and torch.compile on a GPU: install gcc"),
    ("git",): ("git", "runs that say by which commit they were made: install git"),
    ("docker", "podman"): ("a container engine", "images of served models, and the server for a team: install docker"),
    ("chromium", "google-chrome"): ("a browser", "the gallery's tests: install chromium"),
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


def examine(options: Options) -> list[Finding]:
    """Returns what there is on this machine.

    Args:
        options: The options of a command, whose folder and device are looked at.
    """
    return [*_packages(), *_device(), *_programs(), *_stores(options), *_extractors(), _disk(options.work_dir)]


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
    return textwrap.wrap(text, _WIDTH, initial_indent=start, subsequent_indent=" " * (_NAME + 5))


def _packages() -> Iterator[Finding]:
    yield Finding("Versions", "Python", platform.python_version())
    for name in _PACKAGES:
        yield Finding("Versions", name, version(name))
    for module, (package, gives) in _EXTRAS.items():
        found = _version_of(package) if find_spec(module) else ""
        yield Finding("Versions", package, found, "" if found else gives)


def _version_of(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "without a version"


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


def _stores(options: Options) -> Iterator[Finding]:
    try:
        with Tracker.connect(options) as tracker:
            yield Finding("Stores", "tracking", without_passwords(tracker.tracking_uri))
    except LdsError as error:
        yield Finding("Stores", "tracking", str(error), "runs: set MLFLOW_TRACKING_URI to a store that answers")


def _extractors() -> Iterator[Finding]:
    for name, choice in EXTRACTORS.items():
        needs = "; takes a file (feature_weights)" if choice.file == "required" else ""
        yield Finding("Feature extractors", name, f"{choice.says}{needs}")


def _disk(folder: Path) -> Finding:
    nearest = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    free = shutil.disk_usage(nearest).free / _GIB
    little = "room for data sets and models: free some, or name another work_dir" if free < _LITTLE_ROOM else ""
    return Finding("Disk", str(folder), f"{free:.1f} GiB free", little)
