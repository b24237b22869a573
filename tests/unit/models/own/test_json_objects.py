import pytest

from lds_mlflow.errors import ArtifactError
from lds_mlflow.models.own.json_objects import json_object


@pytest.mark.parametrize("content", ['{"a": [1]}', b'{"a": [1]}'])
def test_an_object_is_a_dictionary(content: str | bytes) -> None:
    assert json_object(content, "x.json", "Write it again.") == {"a": [1]}


@pytest.mark.parametrize(
    ("content", "found"), [("[]", "the type list"), ("1", "the type int"), ("", "Expecting"), (b"\xff", "utf")]
)
def test_anything_else_is_an_error_that_names_the_file(content: str | bytes, found: str) -> None:
    with pytest.raises(ArtifactError, match=rf"x\.json: found .*{found}.* Write it again\."):
        json_object(content, "x.json", "Write it again.")
