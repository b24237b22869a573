"""The graph of steps: what each reads, and what its result depends on."""

from collections.abc import Sequence, Set
from dataclasses import dataclass

from pydantic.fields import FieldInfo

from lds_mlflow.config import (
    AblateConfig,
    AugmentConfig,
    ClassifierConfig,
    CompareConfig,
    DataConfig,
    DeliverConfig,
    DryRunConfig,
    EncodeConfig,
    EvaluateConfig,
    FinetuneConfig,
    Options,
    PromoteConfig,
    RegisterConfig,
    SampleConfig,
    ServeConfig,
    Settings,
    StepConfig,
    TrainConfig,
)

__all__ = [
    "ABLATE",
    "COMPARE",
    "DELIVER",
    "ENTRY_POINTS",
    "MAIN",
    "PROMOTE",
    "REGISTER",
    "SERVE",
    "SETTLED",
    "STEPS",
    "TEST_PARTS",
    "Input",
    "Step",
    "configs_behind",
    "fields_of",
    "help_text",
    "parameters",
    "steps_behind",
]


@dataclass(frozen=True, slots=True)
class Input:
    """An upstream run that a step reads.

    Attributes:
        parameter: The parameter that names it.
        steps: The steps whose runs will do; "auto" makes one of the first.
        many: Whether it names several, each of which has upstream runs of its own.
    """

    parameter: str
    steps: tuple[str, ...]
    many: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the pipeline.

    Attributes:
        name: Its name, which is its entry point's.
        config: Its parameters.
        inputs: What it reads, in the order in which it is made.
        judges: Whether it may read the test part. Nothing may be fitted or chosen by what it finds.
    """

    name: str
    config: type[StepConfig]
    inputs: tuple[Input, ...]
    judges: bool = False

    @property
    def module(self) -> str:
        """The full name of the module that runs it."""
        return f"lds_mlflow.steps.{self.name}"

    @property
    def references(self) -> set[str]:
        """The parameters that name upstream runs."""
        return {needed.parameter for needed in self.inputs}


_DATA = Input("data_run", ("data",))
_TRAIN = Input("train_run", ("train",))
_BEGUN_WITH = Input("train_run", ("train", "finetune"))
_MODEL = Input("model_run", ("finetune", "train"))

STEPS: dict[str, Step] = {
    step.name: step
    for step in (
        Step("data", DataConfig, ()),
        Step("train", TrainConfig, (_DATA,)),
        Step("encode", EncodeConfig, (_BEGUN_WITH,)),
        Step("augment", AugmentConfig, (Input("encode_run", ("encode",)),)),
        Step("finetune", FinetuneConfig, (Input("augment_run", ("augment",)), _BEGUN_WITH)),
        Step("classifier", ClassifierConfig, (_DATA,)),
        Step("evaluate", EvaluateConfig, (Input("classifier_run", ("classifier",)), _MODEL), judges=True),
        Step("compare", CompareConfig, (Input("runs", ("evaluate", "finetune", "train"), many=True),), judges=True),
        Step("register", RegisterConfig, (_MODEL,)),
        Step("ablate", AblateConfig, (), judges=True),
        Step("sample", SampleConfig, (_MODEL,)),
    )
}

COMPARE, REGISTER, ABLATE = "compare", "register", "ablate"
"""The steps that read what several others made."""

TEST_PARTS = ("test", "evaluation_test")
"""Artifacts that only steps that judge may read: the test part, and what was measured by it."""

MAIN = "main"
"""The entry point that runs the whole pipeline."""

PROMOTE = "promote"
"""The entry point that decides on a registered version: no step, since its result depends on the registry."""

SERVE = "serve"
"""The entry point that serves a registered model."""

DELIVER = "deliver"
"""The entry point that delivers the tracking data that an unreachable server has not received."""

ENTRY_POINTS = (MAIN, *STEPS, PROMOTE, SERVE, DELIVER)
"""All entry points of the package: `main`, the steps, and those that use registered models or deliver tracking data."""

_MAIN_STEPS = tuple(name for name in STEPS if name not in ("ablate", "sample"))
_MAIN_HELP = "Run the whole pipeline, and compare the baseline, the control and the finetuned model."
_BEHIND: dict[str, tuple[str, ...]] = {
    MAIN: _MAIN_STEPS,
    "finetune": ("data", "train", "encode", "augment", "finetune", "classifier", "evaluate", "register"),
    "register": ("data", "train", "encode", "augment", "finetune", "classifier", "evaluate", "register"),
    "ablate": ("data", "train", "encode", "augment", "finetune", "classifier", "evaluate", "ablate"),
    PROMOTE: ("classifier", "evaluate"),
}
_PROMOTING = (MAIN, "finetune", PROMOTE)
_APART: dict[str, type[Settings]] = {SERVE: ServeConfig, DELIVER: DeliverConfig}


_REFERENCES = {name for step in STEPS.values() for name in step.references}
SETTLED: dict[str, set[str]] = {
    MAIN: {*_REFERENCES, "sampler", "candidate", "rollback"},
    COMPARE: _REFERENCES - STEPS[COMPARE].references,
    "finetune": {"model_run", "part", "sampler", "candidate", "rollback"},
    PROMOTE: {*_REFERENCES, "part", "sampler", "sampler_sigma", "sampler_components", "samples", "sample_seed"},
    REGISTER: {"part", "sampler"},
    ABLATE: {
        *_REFERENCES,
        *("part", "sampler", "prior", "train_seed", "augment_seed", "finetune_seed", "sample_seed"),
        *(
            "source",
            "selection",
            "combine",
            "tau",
            "mass",
            "clusters",
            "gamma",
            "leave_endpoints_out",
            "parent_neighbours",
            "sharpest_fraction",
        ),
        *("stratify", "finetune_prior", "finetune_variant"),
    },
}
"""The parameters that an entry point settles by itself, and does not take."""


def steps_behind(entry_point: str) -> tuple[str, ...]:
    """Returns the steps that an entry point may have to run, upstream first; `finetune` ends with registering."""
    if entry_point in _BEHIND:
        return _BEHIND[entry_point]
    found: list[str] = []
    for needed in STEPS[entry_point].inputs:
        found += [name for name in _upstream(needed.steps[0]) if name not in found]
    return (*found, entry_point)


def _upstream(name: str) -> tuple[str, ...]:
    found: list[str] = []
    for needed in STEPS[name].inputs:
        found += [step for step in _upstream(needed.steps[0]) if step not in found]
    return (*found, name)


def configs_behind(entry_point: str) -> tuple[type[Settings], ...]:
    """Returns the configurations that an entry point's parameters fill: those of its steps, and the options."""
    if entry_point in _APART:
        return (_APART[entry_point],)
    promotes = (PromoteConfig,) if entry_point in _PROMOTING else ()
    plans = (DryRunConfig,) if entry_point == "train" else ()
    return (*(STEPS[name].config for name in steps_behind(entry_point)), *promotes, *plans, Options)


def parameters(entry_point: str) -> dict[str, FieldInfo]:
    """Returns all parameters of an entry point by name: of its own step, of the steps behind it, and the options.

    Those that it settles by itself are not among them: `main`, for one, makes every run, so it takes none.
    """
    return fields_of(configs_behind(entry_point), SETTLED.get(entry_point, set()))


def fields_of(configs: Sequence[type[Settings]], settled: Set[str]) -> dict[str, FieldInfo]:
    """Returns the parameters of configurations by name, but those that are settled; the options, the last, stay so."""
    *steps, options = configs
    found: dict[str, FieldInfo] = {}
    for config in (*reversed(steps), options):
        found |= {name: field for name, field in config.model_fields.items() if name not in found}
    return {name: field for name, field in found.items() if name not in settled}


def help_text(entry_point: str) -> str:
    """Returns what an entry point does, in a sentence."""
    if entry_point == MAIN:
        return _MAIN_HELP
    others: dict[str, type[Settings]] = {PROMOTE: PromoteConfig, **_APART}
    return str((others.get(entry_point) or STEPS[entry_point].config).__doc__)
