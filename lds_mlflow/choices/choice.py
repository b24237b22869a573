"""An entry of a table, and what becomes of it when it is chosen."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, TypeVar

from lds_mlflow.errors import ConfigError

__all__ = ["Choice", "call", "load", "look_up", "phrases"]


@dataclass(frozen=True, slots=True)
class Choice:
    """What a name stands for.

    Attributes:
        says: What it does, in a short phrase for the help text.
        at: Where its implementation is: the full name of a module, a colon, and the name in the module.
        takes: The implementation's arguments, each with the name of the parameter or measurement that is given for it;
            empty where all implementations of a table take the same arguments.
    """

    says: str
    at: str
    takes: Mapping[str, str] = field(default_factory=dict)


C = TypeVar("C", bound=Choice)


def load(place: str) -> Any:
    """Returns what is at a place, MODULE:NAME; the module is imported if it has not been."""
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)


def call(choice: Choice, known: Callable[[str], Any]) -> Any:
    """Calls an implementation with the arguments that it takes.

    Args:
        choice: The entry.
        known: Returns the value of a parameter or measurement by its name.
    """
    return load(choice.at)(**{argument: known(name) for argument, name in choice.takes.items()})


def look_up(table: Mapping[str, C], name: str, what: str) -> C:
    """Returns the entry of a name.

    Args:
        table: The table.
        name: The name.
        what: What the name is of, for the error.

    Raises:
        ConfigError: The table has no such name.
    """
    if name not in table:
        raise ConfigError(
            what,
            found=repr(name),
            expected=f"one of {', '.join(table)}",
            remedy=f"{next(iter(table))} is the usual choice.",
        )
    return table[name]


def phrases(table: Mapping[str, Choice]) -> dict[str, str]:
    """Returns the names of a table, each with its phrase."""
    return {name: choice.says for name, choice in table.items()}
