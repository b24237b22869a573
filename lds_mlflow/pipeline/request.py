"""A run that is needed: its step, its parameters, what it reads, and what identifies its result."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from lds_mlflow.config import StepConfig
from lds_mlflow.entry.fingerprint import fingerprint_of
from lds_mlflow.entry.graph import Step
from lds_mlflow.tracking import FinishedRun

__all__ = ["Request", "Runs", "outside_of", "request"]

Runs = Mapping[str, FinishedRun]
"""Finished runs by what each is read as: the name of its step, or a label where there are several of one step."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a run of a step is made from.

    Attributes:
        step: The step.
        config: Its parameters.
        inputs: The upstream runs that it reads, by what each is read as.
        fingerprint: What identifies its result.
    """

    step: Step
    config: StepConfig
    inputs: dict[str, FinishedRun]
    fingerprint: str


def request(step: Step, config: StepConfig, inputs: dict[str, FinishedRun]) -> Request:
    """Returns the request of a step for a run with some parameters and inputs."""
    digests = {stem: run.digest for stem, run in inputs.items()}
    return Request(step, config, inputs, fingerprint_of(step, config, digests, outside_of(step, config)))


def outside_of(step: Step, config: StepConfig) -> str:
    """Returns the digest of the files that a step reads from outside the pipeline, or "" where it reads none."""
    outside: Callable[[Any], str] | None = getattr(import_module(step.module), "outside", None)
    return outside(config) if outside else ""
