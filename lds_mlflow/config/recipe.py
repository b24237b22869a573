"""Parameters whose default is the recipe's: they are `auto` on the command line, and never in a configuration.

A configuration has the value that counts, so this is what is logged with a run, and what results are recognised by.
"""

from typing import Any

from pydantic import BeforeValidator, ValidationInfo

from lds_mlflow.choices.recipes import ADVERSARIAL, RECIPES
from lds_mlflow.config.base import AUTO, Settings

__all__ = ["OF_RECIPE", "OR_ITS", "has_default"]


def _resolved(value: Any, info: ValidationInfo) -> Any:
    # Of a recipe that there isn't, an error says so already.
    recipe = RECIPES.get(info.data.get("recipe", ADVERSARIAL), RECIPES[ADVERSARIAL])
    return getattr(recipe, str(info.field_name)) if value == AUTO else value


OF_RECIPE = BeforeValidator(_resolved)
"""Marks a parameter that has a value in every recipe; its default is OR_ITS, and the field `recipe` stands before."""

OR_ITS: Any = AUTO
"""The default, of any type: a validated default is the recipe's value."""


def has_default(config: Settings, name: str) -> bool:
    """Returns whether a parameter has the value that it has where it is not given."""
    field, value = type(config).model_fields[name], getattr(config, name)
    if OF_RECIPE in field.metadata:
        return bool(value == getattr(RECIPES[config.model_dump()["recipe"]], name))
    # A folder is given as text.
    return bool(value == field.default) or str(value) == str(field.default)
