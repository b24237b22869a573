"""The graph of steps: what each reads, and what its result depends on."""

from dataclasses import dataclass

from lds_mlflow.config import (
    AugmentConfig,
    ClassifierConfig,
    DataConfig,
    EncodeConfig,
    EvaluateConfig,
    FinetuneConfig,
    Options,
    SampleConfig,
    Settings,
    StepConfig,
    TrainConfig,
    combine,
)

__all__ = ["ENTRY_POINTS", "STEPS", "Input", "Step", "command_config", "steps_behind"]


@dataclass(frozen=True, slots=True)
class Input:
    """An upstream run that a step reads.

    Attributes:
        parameter: The parameter that names it.
        steps: The steps whose runs will do; "auto" makes one of the first.
    """

    parameter: str
    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the pipeline.

    Attributes:
        name: Its name, which is its entry point's.
        config: Its parameters.
        inputs: What it reads, in the order in which it is made.
        code: Rooms of the package whose code its result depends on, beside the step's own file.
    """

    name: str
    config: type[StepConfig]
    inputs: tuple[Input, ...]
    code: tuple[str, ...]


_DATA = Input("data_run", ("data",))
_TRAIN = Input("train_run", ("train",))
_MODEL = Input("model_run", ("finetune", "train"))

STEPS: dict[str, Step] = {
    step.name: step
    for step in (
        Step("data", DataConfig, (), ("data",)),
        Step("train", TrainConfig, (_DATA,), ("vae", "training", "sampling.py")),
        Step("encode", EncodeConfig, (_TRAIN,), ("vae", "sampling.py")),
        Step(
            "augment",
            AugmentConfig,
            (Input("encode_run", ("encode",)),),
            ("latent", "vae", "sampling.py"),
        ),
        Step(
            "finetune",
            FinetuneConfig,
            (Input("augment_run", ("augment",)), _TRAIN),
            ("vae", "training", "sampling.py"),
        ),
        Step("classifier", ClassifierConfig, (_DATA,), ("metrics",)),
        Step(
            "evaluate",
            EvaluateConfig,
            (Input("classifier_run", ("classifier",)), _MODEL),
            ("metrics", "vae", "sampling.py"),
        ),
        Step("sample", SampleConfig, (_MODEL,), ("vae", "sampling.py", "serving.py")),
    )
}

_MAIN = "main"
_MAIN_STEPS = tuple(name for name in STEPS if name != "sample")
ENTRY_POINTS = (_MAIN, *STEPS)
"""`main` and every step."""


class MainConfig(Settings):
    """Run the whole pipeline, and evaluate the baseline, the control and the finetuned model side by side."""


def steps_behind(entry_point: str) -> tuple[str, ...]:
    """Returns the steps that an entry point may have to run, upstream first, its own last."""
    if entry_point == _MAIN:
        return _MAIN_STEPS
    found: list[str] = []
    for needed in STEPS[entry_point].inputs:
        found += [name for name in steps_behind(needed.steps[0]) if name not in found]
    return (*found, entry_point)


def command_config(entry_point: str) -> type[Settings]:
    """Returns all parameters of an entry point: its own, those of the steps that it may have to run, and the options."""
    configs = [STEPS[name].config for name in steps_behind(entry_point)]
    last = (MainConfig,) if entry_point == _MAIN else ()
    return combine(f"{entry_point.capitalize()}Command", (Options, *configs, *last))
