from typing import Annotated, Literal

import pytest

from lds_mlflow.config import Settings, choices_of, help_of, parse
from lds_mlflow.config.choice import ChoiceOf
from lds_mlflow.errors import ConfigError


class _Dish(Settings):
    fruit: Annotated[str, ChoiceOf({"apple": "a pome", "cherry": "a drupe"})] = "apple"
    """What it is of."""

    size: Literal["small", "large"] = "small"
    """How large it is."""

    name: str = ""
    """What it is called."""


def test_a_name_of_the_table_is_taken_and_any_other_refused_with_the_names() -> None:
    assert parse(_Dish, {"fruit": "cherry"}).fruit == "cherry"
    with pytest.raises(ConfigError, match="fruit=pear: should be apple, cherry"):
        parse(_Dish, {"fruit": "pear"})


def test_choices_come_with_their_phrases_and_are_empty_where_any_text_will_do() -> None:
    fields = _Dish.model_fields
    assert choices_of(fields["fruit"]) == {"apple": "a pome", "cherry": "a drupe"}
    assert choices_of(fields["size"]) == {"small": "", "large": ""}
    assert choices_of(fields["name"]) == {}


def test_a_help_text_has_what_the_choices_mean_after_the_description() -> None:
    assert help_of(_Dish.model_fields["fruit"]) == "What it is of. apple: a pome; cherry: a drupe."
    assert help_of(_Dish.model_fields["size"]) == "How large it is."
