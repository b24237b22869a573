import pytest

from tests.conftest import MakePipeline

NOTE = "Note: Naming the most frequent class every time would classify"


@pytest.mark.parametrize(("steps", "is_noted"), [(1, True), (150, False)])
def test_a_classifier_that_has_learned_nothing_says_so(
    make_pipeline: MakePipeline, said: list[str], steps: int, is_noted: bool
) -> None:
    make_pipeline("classifier", data="digits", limit=400, classifier_steps=steps).run("classifier")
    assert any(NOTE in line for line in said) is is_noted
