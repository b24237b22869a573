import pytest
import yaml

from lds_mlflow.machine.plain_yaml import AsTexts, AsValues

BOMB = "a: &a [x, x]\n" + "\n".join(
    f"{new}: &{new} [*{old}, *{old}]" for old, new in zip("abcdefg", "bcdefgh", strict=True)
)


def test_values_are_those_of_yaml_and_texts_those_of_the_file() -> None:
    text = "a: 1e-3\nb: [true, x]\nc: {d: 010}\n"
    assert AsValues(text).get_single_data() == yaml.safe_load(text)
    assert AsTexts(text).get_single_data() == {"a": "1e-3", "b": ["true", "x"], "c": {"d": "010"}}


@pytest.mark.parametrize("loader", [AsTexts, AsValues])
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
def test_what_would_take_all_memory_or_end_the_parser_is_an_error_of_the_file(
    loader: type[AsTexts] | type[AsValues], text: str, found: str
) -> None:
    with pytest.raises(yaml.YAMLError, match=found):
        loader(text).get_single_data()
