"""The graph of steps: what each reads, and what its result depends on."""

from dataclasses import dataclass

from pydantic.fields import FieldInfo

from lds_mlflow.config import (
    AugmentConfig,
    ClassifierConfig,
    CompareConfig,
    DataConfig,
    EncodeConfig,
    EvaluateConfig,
    FinetuneConfig,
    Options,
    SampleConfig,
    Settings,
    StepConfig,
    TrainConfig,
)

__all__ = [
    "COMPARE",
    "ENTRY_POINTS",
    "MAIN",
    "STEPS",
    "TEST_PARTS",
    "Input",
    "Step",
    "configs_behind",
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
        code: Rooms of the package whose code its result depends on, beside the step's own file.
        judges: Whether it may read the test part. Nothing may be fitted or chosen by what it finds.
    """

    name: str
    config: type[StepConfig]
    inputs: tuple[Input, ...]
    code: tuple[str, ...]
    judges: bool = False

    @property
    def references(self) -> set[str]:
        """The parameters that name upstream runs."""
        return {needed.parameter for needed in self.inputs}


_DATA = Input("data_run", ("data",))
_TRAIN = Input("train_run", ("train",))
_MODEL = Input("model_run", ("finetune", "train"))

STEPS: dict[str, Step] = {
    step.name: step
    for step in (
        Step("data", DataConfig, (), ("data",)),
        Step("train", TrainConfig, (_DATA,), ("fitting.py", "training", "vae", "sampling.py")),
        Step("encode", EncodeConfig, (_TRAIN,), ("vae", "sampling.py")),
        Step(
            "augment",
            AugmentConfig,
            (Input("encode_run", ("encode",)),),
            ("augmenting.py", "latent", "metrics", "vae", "sampling.py"),
        ),
        Step(
            "finetune",
            FinetuneConfig,
            (Input("augment_run", ("augment",)), _TRAIN),
            ("fitting.py", "training", "vae", "sampling.py"),
        ),
        Step("classifier", ClassifierConfig, (_DATA,), ("metrics", "vae", "sampling.py")),
        Step(
            "evaluate",
            EvaluateConfig,
            (Input("classifier_run", ("classifier",)), _MODEL),
            ("evaluating.py", "latent", "metrics", "pictures", "reports.py", "vae", "sampling.py", "values.py"),
            judges=True,
        ),
        Step(
            "compare",
            CompareConfig,
            (Input("runs", ("evaluate", "finetune", "train"), many=True),),
            (
                "comparing.py",
                "evaluating.py",
                "latent",
                "metrics",
                "pictures",
                "reports.py",
                "vae",
                "sampling.py",
                "values.py",
            ),
            judges=True,
        ),
        Step("sample", SampleConfig, (_MODEL,), ("vae", "sampling.py", "serving.py")),
    )
}

COMPARE = "compare"
"""The step that judges several models."""

TEST_PARTS = ("test", "evaluation_test")
"""Artifacts that only steps that judge may read: the test part, and what was measured by it."""

MAIN = "main"
"""The entry point that runs the whole pipeline."""

ENTRY_POINTS = (MAIN, *STEPS)
"""`main` and every step."""

_MAIN_STEPS = tuple(name for name in STEPS if name != "sample")
_MAIN_HELP = "Run the whole pipeline, and compare the baseline, the control and the finetuned model."


def steps_behind(entry_point: str) -> tuple[str, ...]:
    """Returns the steps that an entry point may have to run, upstream first, its own last."""
    if entry_point == MAIN:
        return _MAIN_STEPS
    found: list[str] = []
    for needed in STEPS[entry_point].inputs:
        found += [name for name in steps_behind(needed.steps[0]) if name not in found]
    return (*found, entry_point)


def configs_behind(entry_point: str) -> tuple[type[Settings], ...]:
    """Returns the configurations that an entry point's parameters fill: those of its steps, and the options."""
    return (*(STEPS[name].config for name in steps_behind(entry_point)), Options)


def parameters(entry_point: str) -> dict[str, FieldInfo]:
    """Returns all parameters of an entry point by name: of its own step, of the steps behind it, and the options.

    `main` makes every run itself, so it has no parameter that names one, and a step that reads many runs has none for
    those of one of them.
    """
    *steps, options = configs_behind(entry_point)
    found: dict[str, FieldInfo] = {}
    for config in (*reversed(steps), options):
        found |= {name: field for name, field in config.model_fields.items() if name not in found}
    own = {MAIN: set[str](), COMPARE: STEPS[COMPARE].references}
    if entry_point not in own:
        return found
    references = {name for step in STEPS.values() for name in step.references} - own[entry_point]
    return {name: field for name, field in found.items() if name not in references}


def help_text(entry_point: str) -> str:
    """Returns what an entry point does, in a sentence."""
    return _MAIN_HELP if entry_point == MAIN else str(STEPS[entry_point].config.__doc__)
