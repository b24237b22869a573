"""Values that may be text -> configurations, with all that is wrong reported together."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from lds_mlflow.config.base import Settings
from lds_mlflow.errors import ConfigError

__all__ = ["parse", "parse_all"]

C = TypeVar("C", bound=Settings)


def parse(kind: type[C], values: Mapping[str, Any]) -> C:
    """Checks values, which may be text, against a configuration.

    Raises:
        ConfigError: Some are wrong; the message names all of them.
    """
    parsed = parse_all((kind,), values)[kind]
    assert isinstance(parsed, kind)
    return parsed


def parse_all(kinds: Iterable[type[Settings]], values: Mapping[str, Any]) -> dict[type[Settings], Settings]:
    """Checks values, which may be text, against several configurations that share parameters.

    Returns:
        Each kind with its configuration; what no value is given for has its default.

    Raises:
        ConfigError: Some are wrong or belong to none; the message names all of them.
    """
    parsed: dict[type[Settings], Settings] = {}
    unknown = dict(values)
    problems: dict[str, None] = {}
    for kind in kinds:
        own = {name: value for name, value in values.items() if name in kind.model_fields}
        unknown = {name: value for name, value in unknown.items() if name not in own}
        try:
            parsed[kind] = kind(**own)
        except ValidationError as error:
            problems |= dict.fromkeys(_describe(problem) for problem in error.errors())
    problems |= dict.fromkeys(f"{name}: there is no such parameter" for name in unknown)
    if problems:
        raise ConfigError(
            f"{len(problems)} wrong parameter{'s' if len(problems) > 1 else ''}",
            found="".join(f"\n  - {problem}" for problem in problems) + "\n",
            expected="values in range",
            remedy="Nothing was computed. --help lists every parameter with its default.",
        )
    return parsed


def _describe(problem: Any) -> str:
    where = ".".join(str(part) for part in problem["loc"])
    rule = str(problem["msg"]).removeprefix("Value error, ").removeprefix("Input ")
    return f"{where}={problem['input']}: {rule}"
