"""The entry points: what each command is called, which configurations it fills, and which parameters it takes."""

from dataclasses import dataclass

from pydantic.fields import FieldInfo

from lds_mlflow.config import (
    DeliverConfig,
    DoctorConfig,
    DryRunConfig,
    ImageConfig,
    Options,
    PromoteConfig,
    SamplerSettings,
    ServeConfig,
    Settings,
    is_declared,
)
from lds_mlflow.entry.examples import EXAMPLES
from lds_mlflow.entry.graph import COMPARE, REFERENCES, REGISTER, REGISTERING, STEPS, Step, steps_behind

__all__ = [
    "DELIVER",
    "DOCTOR",
    "ENTRY_POINTS",
    "ESSENTIALS",
    "IMAGE",
    "MAIN",
    "PROMOTE",
    "SERVE",
    "EntryPoint",
    "configs_of",
]

ESSENTIALS = "Essentials"
"""The topic of the parameters that people set most."""

_RUNS = "Runs"
_OF_MAIN = ("train_steps", "finetune_steps", "model")
_ALWAYS = frozenset({"data", "resolution", "folder", "registered_model", "device"})


@dataclass(frozen=True, slots=True)
class EntryPoint:
    """A command, and what `mlflow run -e` calls.

    Attributes:
        name: Its name.
        help_text: What it does, in a sentence.
        configs: The configurations that its parameters fill, from what all commands share to what is most its own.
        own: The one of them that the command is named after; None for a command that is made of several steps.
        settles: Parameters of those that it sets by itself, and does not take.
        references: The parameters that name the runs which it reads.
        examples: Flags that it is often given, one set for each example of its help text.
    """

    name: str
    help_text: str
    configs: tuple[type[Settings], ...]
    own: type[Settings] | None = None
    settles: frozenset[str] = frozenset()
    references: frozenset[str] = frozenset()
    examples: tuple[str, ...] = ()

    @property
    def parameters(self) -> dict[str, FieldInfo]:
        """All parameters that it takes, by name: its own first, those that all commands share last."""
        found: dict[str, FieldInfo] = {}
        for config in reversed(self.configs):
            found |= {name: field for name, field in config.model_fields.items() if name not in found}
        return {name: field for name, field in found.items() if name not in self.settles}

    @property
    def topics(self) -> dict[str, str]:
        """The heading in its help text under which each of its parameters stands."""
        own = _OF_MAIN if self.own is None else self.own.model_fields
        wanted = self.declared.keys() & _ALWAYS.union(self.references, own)
        return {
            name: ESSENTIALS if name in wanted else _RUNS if name in REFERENCES else self._topic_of(name)
            for name in self.parameters
        }

    def _topic_of(self, name: str) -> str:
        return next(config.topic for config in reversed(self.configs) if name in config.model_fields)

    @property
    def declared(self) -> dict[str, FieldInfo]:
        """The parameters that MLproject lists: those that people set, and the runs that it reads."""
        taken = self.parameters.items()
        return {name: field for name, field in taken if name in self.references or is_declared(field)}


MAIN = "main"
"""The entry point that runs the whole pipeline."""

PROMOTE = "promote"
"""The entry point that decides on a registered version: no step, since its result depends on the registry."""

SERVE = "serve"
"""The entry point that serves a registered model."""

IMAGE = "image"
"""The entry point that builds a container image of a registered model."""

DELIVER = "deliver"
"""The entry point that delivers what a server that was away has not taken."""

DOCTOR = "doctor"
"""The entry point that says what is installed and what is missing."""

_MAIN_HELP = "Run the whole pipeline, and compare the baseline, the control and the finetuned model."
_DRAWN_AS_REGISTERED = frozenset(
    {"part", "sampler", *SamplerSettings.model_fields, "balance", "samples", "sample_seed"}
)


def configs_of(names: tuple[str, ...]) -> tuple[type[Settings], ...]:
    """Returns the configurations of some steps."""
    return tuple(STEPS[name].config for name in names)


def _of_step(step: Step) -> EntryPoint:
    promoting = (PromoteConfig,) if step.registers else ()
    upstream = REFERENCES - step.references if step.of_several else frozenset()
    return EntryPoint(
        step.name,
        str(step.config.__doc__),
        (Options, *configs_of(steps_behind(step.name)), *promoting, *step.also_takes),
        own=step.config,
        settles=step.settles | upstream,
        references=frozenset(step.references),
        examples=EXAMPLES[step.name],
    )


ENTRY_POINTS: dict[str, EntryPoint] = {
    point.name: point
    for point in (
        EntryPoint(
            MAIN,
            _MAIN_HELP,
            (Options, *configs_of(steps_behind(COMPARE, REGISTER)), PromoteConfig, DryRunConfig),
            settles=REFERENCES | REGISTERING,
            examples=EXAMPLES[MAIN],
        ),
        *map(_of_step, STEPS.values()),
        EntryPoint(
            PROMOTE,
            str(PromoteConfig.__doc__),
            (Options, *configs_of(("classifier", "calibrate", "evaluate")), PromoteConfig),
            own=PromoteConfig,
            settles=REFERENCES | _DRAWN_AS_REGISTERED,
            examples=EXAMPLES[PROMOTE],
        ),
        EntryPoint(SERVE, str(ServeConfig.__doc__), (ServeConfig,), own=ServeConfig, examples=EXAMPLES[SERVE]),
        EntryPoint(IMAGE, str(ImageConfig.__doc__), (ImageConfig,), own=ImageConfig, examples=EXAMPLES[IMAGE]),
        EntryPoint(
            DELIVER, str(DeliverConfig.__doc__), (DeliverConfig,), own=DeliverConfig, examples=EXAMPLES[DELIVER]
        ),
        EntryPoint(DOCTOR, str(DoctorConfig.__doc__), (DoctorConfig,), own=DoctorConfig, examples=EXAMPLES[DOCTOR]),
    )
}
"""Every entry point of this package by name."""
