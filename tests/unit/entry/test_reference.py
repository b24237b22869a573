from typing import Annotated, ClassVar

from pydantic import Field

from lds_mlflow.config import Settings
from lds_mlflow.config.base import Declared
from lds_mlflow.config.choice import ChoiceOf
from lds_mlflow.entry.points import EntryPoint
from lds_mlflow.entry.reference import commands_page, parameters_page


class _Shared(Settings):
    """What all commands take."""

    quiet: bool = False
    """Whether to say less."""


class _Own(Settings):
    """Count things."""

    topic: ClassVar[str] = "Counting"

    number: Declared[int] = Field(3, ge=1, le=9)
    """How many <things> of some_kind*."""

    rule: Declared[str] = "a"
    """A rule: a|b."""

    order: Annotated[str, ChoiceOf({"first": "the nearest", "last": "the farthest"})] = "first"
    """What comes first."""


class _Other(Settings):
    """Not counted."""

    topic: ClassVar[str] = "Counting"

    number: int = 5
    """Another number under the same name."""


COUNT = EntryPoint("count", "Count things.", (_Shared, _Own), own=_Own, examples=("", "--number=4"))
OTHER = EntryPoint("other", "Do something else.", (_Shared, _Other), own=_Other)
THIRD = EntryPoint("third", "Say less.", (_Shared,), own=_Shared)
POINTS = (COUNT, OTHER, THIRD)


def test_a_command_has_its_sentence_its_examples_and_what_people_set_most() -> None:
    page = commands_page(POINTS)
    assert "## count\n\nCount things.\n" in page
    assert "python -m lds_mlflow count\npython -m lds_mlflow count --number=4\n" in page
    assert "| `number` | `INTEGER` from 1 to 9 | `3` | How many" in page
    assert "| `quiet` |" not in page


def test_what_markdown_would_read_as_something_else_is_escaped() -> None:
    page = commands_page([COUNT])
    assert r"How many &lt;things&gt; of some\_kind\*." in page
    assert r"A rule: a\|b." in page


def test_a_parameter_stands_once_with_its_default_and_the_commands_that_take_it() -> None:
    page = parameters_page(POINTS)
    assert page.count("### quiet") == 1
    assert "Takes `true|false`. Default: `false`. Taken by: every command." in page
    assert "Takes `TEXT`. Default: `a`. Taken by: count." in page


def test_two_parameters_of_one_name_both_stand_there() -> None:
    page = parameters_page(POINTS)
    assert page.count("### number") == 2
    assert "Takes `INTEGER`. Default: `5`. Taken by: other." in page


def test_the_address_of_a_topic_is_not_that_of_a_parameter() -> None:
    assert "## Counting {#topic-counting}" in parameters_page(POINTS)


def test_options_come_after_what_changes_a_result() -> None:
    page = parameters_page(POINTS)
    assert page.index("## Counting") < page.index("## Advanced")


def test_a_parameter_that_a_command_sets_by_itself_is_none_that_it_takes() -> None:
    settled = EntryPoint("settled", "Set it.", (_Shared, _Own), own=_Own, settles=frozenset({"number"}))
    assert "### number" not in parameters_page([settled])


def test_a_parameter_of_most_commands_names_those_that_do_not_take_it() -> None:
    another = EntryPoint("another", "Count more.", (_Shared, _Own), own=_Own)
    assert "Taken by: every command but third." in parameters_page([COUNT, another, THIRD])


def test_the_meaning_of_each_choice_is_listed() -> None:
    page = parameters_page([COUNT])
    assert "- `first`: the nearest\n- `last`: the farthest\n" in page


def test_a_command_without_parameters_has_no_table() -> None:
    assert "|---" not in commands_page([EntryPoint("empty", "Do nothing.", ())])
