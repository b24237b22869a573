from typing import Any

import pytest

from lds_mlflow.choices import Choice, call, load, look_up, phrases
from lds_mlflow.errors import ConfigError

TABLE = {
    "join": Choice("joins two paths", "posixpath:join", {"a": "folder"}),
    "base": Choice("the last part of a path", "posixpath:basename", {"p": "path"}),
}


def test_what_is_at_a_place_is_loaded_from_its_module() -> None:
    assert load("posixpath:join")("a", "b") == "a/b"


@pytest.mark.parametrize(("place", "error"), [("no_such:thing", ImportError), ("posixpath:nothing", AttributeError)])
def test_a_place_that_holds_nothing_is_an_error(place: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        load(place)


def test_an_implementation_is_called_with_what_it_takes_and_nothing_else_is_looked_up() -> None:
    asked = []

    def known(name: str) -> Any:
        asked.append(name)
        return "a/b"

    assert call(TABLE["base"], known) == "b"
    assert asked == ["path"]


def test_an_unknown_name_is_refused_with_the_names() -> None:
    assert look_up(TABLE, "join", "the path").at == "posixpath:join"
    with pytest.raises(ConfigError) as caught:
        look_up(TABLE, "split", "the path")
    assert (caught.value.what, caught.value.found) == ("the path", "'split'")
    assert "join, base" in caught.value.expected


def test_phrases_are_by_name_in_the_order_of_the_table() -> None:
    assert list(phrases(TABLE).items()) == [("join", "joins two paths"), ("base", "the last part of a path")]
