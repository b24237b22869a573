"""Search spaces: a YAML file for each, with parameters, ranges, conditions, and the points that are tried first."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import yaml
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import BaseTrial
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lds_mlflow.config import (
    AUTO,
    NO_RUN,
    AugmentConfig,
    FinetuneConfig,
    SampleConfig,
    SamplerSettings,
    StepConfig,
    parse,
)
from lds_mlflow.errors import ConfigError
from lds_mlflow.machine.plain_yaml import plain

__all__ = ["SPACES", "TUNABLE", "Parameter", "Space", "Value", "read_space"]

Value = bool | int | float | str

_FOLDER = Path(__file__).parent / "spaces"
SPACES = tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))
"""The spaces that come with the project."""

_BY_CONFIG: dict[type[StepConfig], set[str]] = {
    AugmentConfig: set(AugmentConfig.model_fields) - {"encode_run", "augment_seed"},
    FinetuneConfig: {name for name in FinetuneConfig.model_fields if name.startswith("finetune_")}
    - {"finetune_seed", "finetune_steps"}
    | {"augment_run"},
    SampleConfig: {"sampler", *SamplerSettings.model_fields},
}
TUNABLE = {name: config for config, names in _BY_CONFIG.items() for name in names}
"""The parameters that can be searched, with their configurations. finetune_steps isn't one: budgets must be equal."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    low: int | float | None = None
    high: int | float | None = None
    log: bool = False
    choices: Annotated[tuple[Value, ...], Field(min_length=1)] | None = None
    suggest: Value | None = None
    when: dict[str, tuple[Value, ...]] = {}


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    first: dict[str, dict[str, Value]] = {}
    parameters: Annotated[dict[str, _Entry], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter that is searched.

    Attributes:
        name: Name of the parameter in `augment`, `finetune` or `sample`.
        distribution: Range of its values.
        when: Values of other parameters under which this one exists; without any, it always exists.
    """

    name: str
    distribution: BaseDistribution
    when: Mapping[str, tuple[Value, ...]]


@dataclass(frozen=True, slots=True)
class Space:
    """A search space.

    Attributes:
        name: Name of the file.
        parameters: The parameters, each after those that it depends on.
        first: Points, by name, that are tried before the sampler suggests any.
        suggested: The one value that the sampler suggests, by parameter; other values are only tried first.
    """

    name: str
    parameters: tuple[Parameter, ...]
    first: Mapping[str, Mapping[str, Value]]
    suggested: Mapping[str, Value]

    @property
    def digest(self) -> str:
        """A digest of the parameters: two studies of the same name must have the same one."""
        lines = [f"{one.name} {one.distribution!r} {sorted(one.when.items())}" for one in self.parameters]
        lines += [f"{name} {value}" for name, value in self.suggested.items()]
        return sha256("\n".join(lines).encode()).hexdigest()[:16]

    def suggest(self, trial: BaseTrial) -> dict[str, Value]:
        """Returns a value for every parameter that exists, given the values of the parameters before it."""
        values: dict[str, Value] = {}
        for parameter in self.parameters:
            if _holds(parameter.when, values):
                values[parameter.name] = _suggest(trial, parameter)
        return values


def read_space(name: str, ranges: str = "") -> Space:
    """Reads a search space.

    Args:
        name: One of SPACES, or the path of a YAML file.
        ranges: Changes to the space: NAME=LOW:HIGH, NAME=VALUE|VALUE or NAME=VALUE, separated by commas.

    Raises:
        ConfigError: The file can't be read; a parameter is unknown or depends on a later one; or a range is empty,
            inverted, or contains values that the parameter doesn't allow.
    """
    path = _FOLDER / f"{name}.yaml" if name in SPACES else Path(name)
    entries, first = _read(path)
    for own, entry in _parsed(ranges).items():
        if own not in entries:
            raise _wrong("ranges", own, f"a parameter of the space {name}: {', '.join(entries)}")
        before = entries[own]
        log = before.log and entry.low is not None and entry.low > 0
        suggest = before.suggest if before.suggest in (entry.choices or ()) else None
        entries[own] = entry.model_copy(update={"when": before.when, "log": log, "suggest": suggest})
    parameters: list[Parameter] = []
    for own, entry in entries.items():
        known = {one.name for one in parameters}
        if unknown := set(entry.when) - known:
            raise _wrong(
                f"{own} of the space {name}", f"a condition on {min(unknown)}", "a condition on a parameter before it"
            )
        if "augment_run" in entries and not {*(entries["augment_run"].choices or ())} <= {AUTO, NO_RUN}:
            raise _wrong("augment_run", f"{entries['augment_run'].choices}", f"{AUTO}, {NO_RUN} or both")
        parameters.append(Parameter(own, _distribution(own, entry), entry.when))
    suggested = {own: entry.suggest for own, entry in entries.items() if entry.suggest is not None}
    return Space(path.stem, tuple(parameters), _allowed(parameters, first), suggested)


def _read(path: Path) -> tuple[dict[str, _Entry], Mapping[str, Mapping[str, Value]]]:
    try:
        found = _File.model_validate(yaml.safe_load(plain(path.read_text())))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValidationError) as error:
        problem = f"{error}".splitlines()
        raise ConfigError(
            f"space={path}",
            found=" ".join(line.strip() for line in problem[:4]),
            expected=f"{', '.join(SPACES)}, or a YAML file with parameters",
            remedy="See tuning/spaces/augmentation.yaml for an example.",
        ) from error
    return dict(found.parameters), found.first


def _parsed(ranges: str) -> dict[str, _Entry]:
    found: dict[str, _Entry] = {}
    for part in filter(None, (part.strip() for part in ranges.split(","))):
        name, equals, text = part.partition("=")
        low, colon, high = text.partition(":")
        if not equals or not text:
            raise _wrong("ranges", part, "NAME=LOW:HIGH, NAME=VALUE|VALUE or NAME=VALUE")
        values = {"low": low, "high": high} if colon else {"choices": [_plain(one) for one in text.split("|")]}
        try:
            found[name.strip()] = _Entry.model_validate(values)
        except ValidationError as error:
            raise _wrong("ranges", part, "numbers as both ends of a range") from error
    return found


def _plain(text: str) -> Value:
    try:
        value = yaml.safe_load(plain(text))
    except yaml.YAMLError:
        return text
    return value if isinstance(value, bool | int | float) else text


def _distribution(name: str, entry: _Entry) -> BaseDistribution:
    if name not in TUNABLE:
        raise _wrong("the search space", name, f"a parameter that can be searched: {', '.join(sorted(TUNABLE))}")
    if (entry.choices is None) == (entry.low is None or entry.high is None):
        raise _wrong(name, "neither choices nor a range, or both", "either choices, or low and high")
    if entry.suggest is not None and entry.suggest not in (entry.choices or ()):
        raise _wrong(f"suggest of {name}", f"{entry.suggest}", "one of its choices")
    if entry.choices is not None:
        for value in entry.choices:
            parse(TUNABLE[name], {name: value})
        return CategoricalDistribution(entry.choices)
    low, high = entry.low, entry.high
    assert low is not None
    assert high is not None
    if low >= high or (entry.log and low <= 0):
        raise _wrong(name, f"{low:g} to {high:g}", "low below high, and low above 0 where log is true")
    for value in (low, high):
        parse(TUNABLE[name], {name: value})
    if TUNABLE[name].model_fields[name].annotation is int:
        return IntDistribution(int(low), int(high), log=entry.log)
    return FloatDistribution(float(low), float(high), log=entry.log)


def _allowed(
    parameters: list[Parameter], first: Mapping[str, Mapping[str, Value]]
) -> Mapping[str, Mapping[str, Value]]:
    """Returns the points to be tried first that lie within the ranges."""
    by_name = {one.name: one for one in parameters}
    for label, values in first.items():
        if unknown := set(values) - set(by_name):
            raise _wrong(f"first: {label}", min(unknown), f"parameters of the space: {', '.join(by_name)}")
    return {
        label: values
        for label, values in first.items()
        if all(_contains(by_name[name].distribution, value) for name, value in values.items())
    }


def _contains(distribution: BaseDistribution, value: Value) -> bool:
    try:
        return distribution._contains(distribution.to_internal_repr(value))
    except ValueError:
        return False


def _suggest(trial: BaseTrial, parameter: Parameter) -> Value:
    name, distribution = parameter.name, parameter.distribution
    if isinstance(distribution, IntDistribution):
        return trial.suggest_int(name, distribution.low, distribution.high, log=distribution.log)
    if isinstance(distribution, FloatDistribution):
        return trial.suggest_float(name, distribution.low, distribution.high, log=distribution.log)
    assert isinstance(distribution, CategoricalDistribution)
    found = trial.suggest_categorical(name, distribution.choices)
    assert found is not None
    return found


def _holds(when: Mapping[str, tuple[Value, ...]], values: Mapping[str, Value]) -> bool:
    return all(values.get(name) in wanted for name, wanted in when.items())


def _wrong(what: str, found: str, expected: str) -> ConfigError:
    return ConfigError(
        what, found=found, expected=expected, remedy="Correct the space or the parameter ranges; no trial has been run."
    )
