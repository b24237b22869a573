"""What can be known once the data is divided, checked for all steps of a command before the first of them is run."""

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

from lds_mlflow.choices.samplers import COMPARED
from lds_mlflow.config import (
    AUTO,
    NO_MODEL,
    AblateConfig,
    CompareConfig,
    Configs,
    EvaluateConfig,
    RegisterConfig,
    StepConfig,
)
from lds_mlflow.config.arms import ARMS
from lds_mlflow.entry.graph import STEPS
from lds_mlflow.recipes.division import Division

__all__ = ["Check", "require_division"]

Check = Callable[[Any, Division, str], None]
"""The function `check` of a step's module: of its configuration, the division, and the device to compute on."""


def require_division(configs: Configs, division: Division, device: str) -> None:
    """Checks what the steps of a command ask for against the division of the data.

    Args:
        configs: The configurations of the command.
        division: The division of the data.
        device: Where to compute.

    Raises:
        LdsError: A step would fail.
    """
    for step in STEPS.values():
        config = configs.get(step.config)
        if config is None:
            continue
        check: Check | None = getattr(import_module(step.module), "check", None)
        if check is None:
            continue
        planned = _evaluations(configs, config, division) if isinstance(config, EvaluateConfig) else (config,)
        for one in planned:
            check(one, division, device)


def _evaluations(configs: Configs, config: EvaluateConfig, division: Division) -> Iterator[StepConfig]:
    """Yields what a command will evaluate: as configured, to choose a sampler for the registry, or every arm."""
    register, ablation = configs.get(RegisterConfig), configs.get(AblateConfig)
    if ablation is not None:
        yield config.model_copy(update={"part": "test"})
        samplers = dict.fromkeys(ARMS[name].sampler for name in ablation.wanted)
        yield from (config.model_copy(update={"part": "select", "sampler": sampler}) for sampler in samplers)
    if configs.get(CompareConfig) is not None or not (ablation or register):
        yield config
    chooses = register is not None and register.registered_model != NO_MODEL and register.served_sampler == AUTO
    if chooses and (division.has_classes or config.features != "classifier"):
        for sampler in COMPARED:
            yield config.model_copy(update={"part": "select", "samples": 0, "sampler": sampler})
