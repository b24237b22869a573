"""Fingerprints: equal ones stand for equal results."""

import json
from collections.abc import Iterable, Mapping
from functools import cache

from lds_mlflow.config import StepConfig
from lds_mlflow.entry.graph import Step
from lds_mlflow.entry.imports import Package
from lds_mlflow.entry.source import read_source
from lds_mlflow.machine.files import digest_of_bytes

__all__ = ["digest_of_code", "digest_of_feature_code", "digest_of_step_code", "fingerprint_of", "modules_behind"]

_NOT_FOLLOWED = ("lds_mlflow.tracking",)
"""The room that stores and logs what a step hands to it. How it does so changes no result."""

_PICTURES, _REPORTS = "lds_mlflow.pictures", "lds_mlflow.reporting."
"""Pictures are part of a result where that is a report; elsewhere they only show a result, which they don't change."""

_FEATURES = "lds_mlflow.metrics.features"


def fingerprint_of(step: Step, config: StepConfig, inputs: Mapping[str, str], outside: str) -> str:
    """Returns the fingerprint of a step's result, SHA-256.

    Args:
        step: The step.
        config: Its parameters. Those that name upstream runs don't count, but the results of those runs do.
        inputs: Digest of the result of every step that it reads from, by name.
        outside: Digest of what it reads from outside the pipeline, or "".
    """
    named = {f"{place} {name}": digest for place, (name, digest) in enumerate(inputs.items())}
    identity = {
        "step": step.name,
        "config": config.model_dump(mode="json", exclude=step.references),
        "inputs": named if step.ordered else dict(sorted(inputs.items())),
        "outside": outside,
        "code": digest_of_step_code(step),
    }
    return digest_of_bytes(json.dumps(identity, sort_keys=True).encode())


def digest_of_step_code(*steps: Step) -> str:
    """Returns the digest of the code that the results of some steps depend on."""
    return digest_of_code(_package(), (step.module for step in steps))


def digest_of_feature_code() -> str:
    """Returns the digest of the code that the features of examples depend on."""
    return digest_of_code(_package(), _package().below(_FEATURES))


def digest_of_code(package: Package, modules: Iterable[str]) -> str:
    """Returns the digest of what modules and all that they import do; comments and docstrings don't count."""
    behind = modules_behind(package, modules)
    return digest_of_bytes(
        *(f"{module} {read_source(package.sources[module], module).meaning}".encode() for module in behind)
    )


def modules_behind(package: Package, modules: Iterable[str]) -> list[str]:
    """Returns the modules whose code the results of some modules depend on, those modules included."""
    first = tuple(modules)
    behind = package.imported_by(first, leaving_out=(*_NOT_FOLLOWED, _PICTURES))
    if not any(module.startswith(_REPORTS) for module in behind):
        return behind
    return package.imported_by(first, leaving_out=_NOT_FOLLOWED)


@cache
def _package() -> Package:
    # Read once: a process runs the code that it began with, whatever happens to the files.
    return Package.read()
