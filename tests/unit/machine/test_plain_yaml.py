import pytest
import yaml

from lds_mlflow.machine.plain_yaml import plain

BOMB = "a: &a [x, x]\n" + "\n".join(
    f"{new}: &{new} [*{old}, *{old}]" for old, new in zip("abcdefg", "bcdefgh", strict=True)
)


def test_a_text_of_few_levels_stays_as_it_is() -> None:
    text = "a: 1e-3\nb: [true, x]\nc: {d: {e: {f: [010]}}}\n"
    assert plain(text) == text


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (BOMB, r"the alias \*a"),
        ("a: &a [*a]", r"the alias \*a"),
        ("a: &a 1\nb: *a", r"the alias \*a"),
        ("a: " + "[" * 20_000, "20 levels of nesting"),
        ("{a: " * 5_000, "20 levels of nesting"),
        ("- " * 5_000, "20 levels of nesting"),
    ],
)
def test_what_would_take_all_memory_or_end_the_parser_is_an_error_of_the_file(text: str, found: str) -> None:
    with pytest.raises(yaml.YAMLError, match=found):
        plain(text)
