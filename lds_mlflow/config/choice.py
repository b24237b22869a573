"""Parameters that take one of the names of a table."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from pydantic import GetCoreSchemaHandler
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, core_schema

__all__ = ["ChoiceOf", "choices_of", "help_of"]


@dataclass(frozen=True, slots=True)
class ChoiceOf:
    """Marks a parameter, a text, that takes one of some names: `Annotated[str, ChoiceOf(phrases(TABLE))]`.

    Attributes:
        phrases: The names, each with what it means in a short phrase.
    """

    phrases: Mapping[str, str]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Returns the schema of a text that is checked against the names."""
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def _checked(self, value: str) -> str:
        if value not in self.phrases:
            raise ValueError(f"should be {', '.join(self.phrases)}")
        return value


def choices_of(field: FieldInfo) -> dict[str, str]:
    """Returns the values that a parameter takes, each with its phrase or ""; empty where they can't be listed."""
    for mark in field.metadata:
        if isinstance(mark, ChoiceOf):
            return dict(mark.phrases)
    return {str(value): "" for value in get_args(field.annotation)} if get_origin(field.annotation) is Literal else {}


def help_of(field: FieldInfo) -> str:
    """Returns the help text of a parameter: its description, and what each of its choices means."""
    meanings = "; ".join(f"{name}: {phrase}" for name, phrase in choices_of(field).items() if phrase)
    description = field.description or ""
    return f"{description} {meanings}." if meanings else description
