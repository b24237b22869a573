from lds_mlflow.tracking import tags
from tests.conftest import an_evaluation

NAMES = {name: value for name, value in vars(tags).items() if name.isupper()}
OF_TAGS = {name: value for name, value in NAMES.items() if name != "TEST_FIGURES"}


def test_every_tag_is_the_project_s_and_stands_for_one_thing() -> None:
    assert sorted(tags.__all__) == sorted(NAMES)
    assert len(set(NAMES.values())) == len(NAMES)
    assert all(value.startswith("lds.") for value in OF_TAGS.values())


def test_no_other_tag_is_taken_for_an_input() -> None:
    assert [name for name, value in OF_TAGS.items() if value.startswith(tags.INPUT)] == ["INPUT"]


def test_figures_of_the_part_test_are_told_from_those_of_the_part_select_by_how_they_begin() -> None:
    of_test, of_select = (an_evaluation(part=part).named("a model") for part in ("test", "select"))
    assert all(name.startswith(tags.TEST_FIGURES) for name in of_test)
    assert not any(name.startswith(tags.TEST_FIGURES) for name in of_select)
