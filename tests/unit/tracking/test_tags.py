from lds_mlflow.tracking import tags

NAMES = {name: value for name, value in vars(tags).items() if name.isupper()}


def test_every_tag_is_the_project_s_and_stands_for_one_thing() -> None:
    assert sorted(tags.__all__) == sorted(NAMES)
    assert len(set(NAMES.values())) == len(NAMES)
    assert all(value.startswith("lds.") for name, value in NAMES.items() if name != "COST")


def test_no_other_tag_is_taken_for_one_of_inputs() -> None:
    assert [name for name, value in NAMES.items() if value.startswith(tags.INPUTS)] == ["INPUTS"]
