"""What runs are called in MLflow's list: the step, the data, and what tells a run from others of the step."""

from collections.abc import Mapping

from lds_mlflow.choices.data_sources import name_of
from lds_mlflow.choices.selections import RANDOM, TOP
from lds_mlflow.choices.sources import INTERPOLANTS
from lds_mlflow.config import (
    AUTO,
    AugmentConfig,
    CalibrateConfig,
    CompareConfig,
    Configs,
    DataConfig,
    EvaluateConfig,
    ExportConfig,
    FinetuneConfig,
    RegisterConfig,
    SampleConfig,
    StepConfig,
    TrainConfig,
)
from lds_mlflow.config.arms import BASELINE, CONTROL, LDS
from lds_mlflow.entry.graph import OPEN
from lds_mlflow.errors import GoneError
from lds_mlflow.tracking import FinishedRun

__all__ = ["name_of_run"]

_LONGEST = 120


def name_of_run(step: str, config: StepConfig, inputs: Mapping[str, FinishedRun], configs: Configs, label: str) -> str:
    """Returns the name of a run.

    Args:
        step: The step that it is of.
        config: The parameters of the step.
        inputs: The runs that it reads, by the names of their steps.
        configs: The configurations of the command.
        label: What the command calls it among its runs of the step, or "".
    """
    return " ".join(filter(None, (step, _data(config, inputs, configs), _own(config, inputs, label))))[:_LONGEST]


def _data(config: StepConfig, inputs: Mapping[str, FinishedRun], configs: Configs) -> str:
    if "data" in inputs:
        try:
            return name_of(inputs["data"].params["data"])
        except GoneError:
            # A model can be used though the record of its data is gone.
            return ""
    data = configs.get(DataConfig)
    return "" if data is None or (isinstance(config, CompareConfig) and config.runs != AUTO) else name_of(data.data)


def _own(config: StepConfig, inputs: Mapping[str, FinishedRun], label: str) -> str:
    """Returns what tells a run from others of its step and data."""
    match config:
        case TrainConfig():
            own = label or f"seed {config.train_seed}"
        case AugmentConfig():
            own = label or _kind_of_A(config.source, config.selection)
        case FinetuneConfig() if "augment" in inputs:
            made = inputs["augment"].params
            own = f"+A {label or _kind_of_A(made['source'], made['selection'])}"
        case FinetuneConfig():
            own = label or CONTROL
        case EvaluateConfig():
            words = (label or _model(inputs)).split()
            own = " ".join(words if config.part in words else [*words, config.part])
        case SampleConfig() | CalibrateConfig() | ExportConfig():
            own = label or _model(inputs)
        case RegisterConfig():
            own = label if config.registered_model == AUTO else f"{config.registered_model} {label}".strip()
        case CompareConfig():
            own = ", ".join(inputs)
        case _:
            own = label
    return own


def _model(inputs: Mapping[str, FinishedRun]) -> str:
    return {"train": BASELINE, OPEN: "own"}.get(inputs["model"].step, "finetuned")


def _kind_of_A(source: str, selection: str) -> str:
    if source != INTERPOLANTS:
        return source
    return {TOP: LDS, RANDOM: RANDOM}.get(selection, f"{LDS} {selection}")
