"""The graph of steps: what each reads, makes and settles. All that is special about a step is a field of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lds_mlflow.config import (
    AblateConfig,
    AugmentConfig,
    CalibrateConfig,
    ClassifierConfig,
    CompareConfig,
    DataConfig,
    DryRunConfig,
    EncodeConfig,
    EvaluateConfig,
    ExportConfig,
    ExportFolder,
    FinetuneConfig,
    OpenConfig,
    RegisterConfig,
    SampleConfig,
    Settings,
    StepConfig,
    TrainConfig,
)
from lds_mlflow.config.arms import ARMS

__all__ = [
    "COMPARE",
    "EXPORT",
    "MODELS",
    "OPEN",
    "REFERENCES",
    "REGISTER",
    "REGISTERING",
    "STEPS",
    "TEST_PARTS",
    "Input",
    "Step",
    "steps_behind",
]


@dataclass(frozen=True, slots=True)
class Input:
    """An upstream run that a step reads.

    Attributes:
        parameter: The parameter that names it.
        steps: The steps whose runs will do; "auto" makes one of the first.
        stands_for: The step whose result it serves as, whichever step it is of; "" for its own.
    """

    parameter: str
    steps: tuple[str, ...]
    stands_for: str = ""


def _never(_config: Any) -> bool:
    return False


def _always(_config: Any) -> bool:
    return True


def _by_the_test_part(config: EvaluateConfig) -> bool:
    return config.part == "test"


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the pipeline.

    Attributes:
        name: Its name, which is its entry point's.
        config: Its parameters.
        inputs: What it reads, in the order in which it is made.
        makes: Steps that its command may also run to find what it reads, beside those that `inputs` leads to.
        of_several: Whether it reads the runs of several models, so that its command names no run upstream of them.
        ordered: Whether the order of its inputs matters to its result.
        judges: Says of a configuration whether the step may read the test part. Nothing may be fitted or chosen by
            what such a step finds.
        registers: Whether its command goes on to register the model that it made, and to promote it.
        also_takes: Configurations that its command takes beside those of the steps that it may run.
        settles: Parameters that its command sets by itself, and does not take.
    """

    name: str
    config: type[StepConfig]
    inputs: tuple[Input, ...] = ()
    makes: tuple[str, ...] = ()
    of_several: bool = False
    ordered: bool = False
    judges: Callable[[Any], bool] = _never
    registers: bool = False
    also_takes: tuple[type[Settings], ...] = ()
    settles: frozenset[str] = frozenset()

    @property
    def module(self) -> str:
        """The full name of the module that runs it: its function `run`, and `outside` where it reads files."""
        return f"lds_mlflow.steps.{self.name}"

    @property
    def references(self) -> set[str]:
        """The parameters that name upstream runs."""
        return {needed.parameter for needed in self.inputs}


COMPARE = "compare"
"""The step that says which of several models is better; it is the last of the whole pipeline."""

REGISTER = "register"
"""The step that chooses a sampler for a model, and registers both."""

REGISTERING = frozenset({"sampler", "balance", "candidate", "rollback"})
"""Parameters that a command which ends with registering and promoting sets by itself."""

TEST_PARTS = ("test", "evaluation_test")
"""Artifacts that only steps that judge may read: the test part, and what was measured by it."""

EXPORT = "export"
"""The step that writes a model as programs; its command also copies them to a folder."""

OPEN = "open"
"""The step that opens a model of the user's own, which then takes the place of a trained one."""

MODELS = Input("runs", ("evaluate", "finetune", "train", OPEN))
"""The models that `compare` reads, or their evaluations."""

_DATA = Input("data_run", ("data",))
_FITTED = Input("train_run", ("train", "finetune"), stands_for="train")
_BEGUN_WITH = Input("train_run", (*_FITTED.steps, OPEN), stands_for="train")
_MODEL = Input("model_run", ("finetune", "train", OPEN))
_CLASSIFIER = Input("classifier_run", ("classifier",))

_VARIED_BY_ARMS = {name for arm in ARMS.values() for changes in (arm.augment, arm.finetune) for name in changes or {}}
_OF_OTHER_RULES = {"combine", "tau", "mass", "clusters"}
"""Parameters of selection rules that no arm uses."""

STEPS: dict[str, Step] = {
    step.name: step
    for step in (
        Step("data", DataConfig),
        Step("train", TrainConfig, (_DATA,), also_takes=(DryRunConfig,)),
        Step(OPEN, OpenConfig, (_DATA,), also_takes=(DryRunConfig,)),
        Step("encode", EncodeConfig, (_BEGUN_WITH,)),
        Step("augment", AugmentConfig, (Input("encode_run", ("encode",)),)),
        Step(
            "finetune",
            FinetuneConfig,
            (Input("augment_run", ("augment",)), _FITTED),
            registers=True,
            settles=REGISTERING | {"model_run", "part"},
        ),
        Step("classifier", ClassifierConfig, (_DATA,)),
        Step("calibrate", CalibrateConfig, (_CLASSIFIER, _MODEL)),
        Step("evaluate", EvaluateConfig, (_CLASSIFIER, _MODEL), makes=("calibrate",), judges=_by_the_test_part),
        Step(
            COMPARE,
            CompareConfig,
            (MODELS,),
            of_several=True,
            ordered=True,
            judges=_always,
            settles=frozenset({"balance"}),
        ),
        Step(
            REGISTER, RegisterConfig, (_MODEL,), makes=("evaluate",), settles=frozenset({"part", "sampler", "balance"})
        ),
        Step(
            "ablate",
            AblateConfig,
            (_BEGUN_WITH,),
            makes=("evaluate",),
            of_several=True,
            judges=_always,
            settles=frozenset(
                {
                    *_VARIED_BY_ARMS,
                    *_OF_OTHER_RULES,
                    *(
                        "part",
                        "sampler",
                        "balance",
                        "prior",
                        "train_seed",
                        "augment_seed",
                        "finetune_seed",
                        "sample_seed",
                    ),
                }
            ),
        ),
        Step("sample", SampleConfig, (_MODEL,), makes=("calibrate",)),
        Step(EXPORT, ExportConfig, (_MODEL,), also_takes=(ExportFolder,)),
    )
}

REFERENCES = frozenset(name for step in STEPS.values() for name in step.references)
"""All parameters that name upstream runs."""


def steps_behind(*names: str) -> tuple[str, ...]:
    """Returns the steps that the commands of some steps may have to run, upstream first, those included."""
    found: set[str] = set()
    waiting = [*names, *(REGISTER for name in names if STEPS[name].registers)]
    while waiting:
        step = STEPS[waiting.pop()]
        if step.name not in found:
            found.add(step.name)
            waiting += [step for needed in step.inputs for step in (needed.steps[0], OPEN) if step in needed.steps]
            waiting += step.makes
    return tuple(name for name in STEPS if name in found)
