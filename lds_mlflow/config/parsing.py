"""Values that may be text -> configurations, with all that is wrong reported together."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, TypeVar

from pydantic import ValidationError

from lds_mlflow.choices.data_sources import data_source_of
from lds_mlflow.config.base import Settings
from lds_mlflow.errors import ConfigError

__all__ = ["Configs", "parse", "parse_all"]

C = TypeVar("C", bound=Settings)


@dataclass(frozen=True, slots=True)
class Configs:
    """Configurations, at most one of a kind.

    Attributes:
        all: The configurations.
        origins: Where values come from that aren't defaults, by the names of the parameters: "flag", or a file.
    """

    all: tuple[Settings, ...]
    origins: Mapping[str, str] = field(default_factory=dict, compare=False)

    def __getitem__(self, kind: type[C]) -> C:
        """Returns the configuration of a kind; raises KeyError where there is none."""
        found = self.get(kind)
        if found is None:
            raise KeyError(kind.__name__)
        return found

    def get(self, kind: type[C]) -> C | None:
        """Returns the configuration of a kind, or None where there is none."""
        return next((config for config in self.all if isinstance(config, kind)), None)


def parse(kind: type[C], values: Mapping[str, Any]) -> C:
    """Checks values, which may be text, against a configuration.

    Raises:
        ConfigError: Some are wrong; the message names all of them.
    """
    return parse_all((kind,), values)[kind]


def parse_all(
    kinds: Iterable[type[Settings]], values: Mapping[str, Any], known: Collection[str] | None = None
) -> Configs:
    """Checks values, which may be text, against several configurations that share parameters.

    Args:
        kinds: The kinds of the configurations.
        values: The values by the parameters' names; a parameter without one has its default, or the one that is usual
            with the source that `data` names.
        known: The parameters that may be given; None for all that the configurations have.

    Returns:
        A configuration of each kind.

    Raises:
        ConfigError: Some are wrong or not known; the message names all of them.
    """
    kinds = tuple(kinds)
    if known is None:
        known = {name for kind in kinds for name in kind.model_fields}
    source, _ = data_source_of(str(values.get("data", "")))
    values = {name: value for name, value in source.usual.items() if name in known} | dict(values)
    parsed: list[Settings] = []
    problems: dict[str, None] = {}
    for kind in kinds:
        own = {name: value for name, value in values.items() if name in known and name in kind.model_fields}
        try:
            parsed.append(kind(**own))
        except ValidationError as error:
            problems |= dict.fromkeys(_describe(problem) for problem in error.errors())
    problems |= dict.fromkeys(_unknown(name, known) for name in values if name not in known)
    if problems:
        raise ConfigError(
            f"{len(problems)} wrong parameter{'s' if len(problems) > 1 else ''}",
            found="".join(f"\n  - {problem}" for problem in problems),
            expected="parameters of this command, with values in range",
            remedy="Nothing was computed. --help-all lists every parameter with its default.",
        )
    return Configs(tuple(parsed))


def _unknown(name: str, known: Collection[str]) -> str:
    nearest = get_close_matches(name, known, n=1)
    return f"there is no parameter {name}" + (f"; the nearest is {nearest[0]}" if nearest else "")


def _describe(problem: Any) -> str:
    where = ".".join(str(part) for part in problem["loc"])
    rule = str(problem["msg"]).removeprefix("Value error, ").removeprefix("Input ")
    return f"{where}={problem['input']}: {rule}"
