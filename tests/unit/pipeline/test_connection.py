from typing import Any

import pytest

from lds_mlflow.entry.points import ENTRY_POINTS
from lds_mlflow.pipeline.connection import subject_of
from lds_mlflow.tracking import Subject
from tests.conftest import tiny_configs


@pytest.mark.parametrize(
    ("entry_point", "changes", "subject"),
    [
        ("main", {}, Subject(data="digits")),
        ("finetune", {"data": "/pictures/faces64/", "augment_run": "none"}, Subject(data="faces64")),
        ("evaluate", {"model_run": "1234abcd"}, Subject(reference="1234abcd")),
        ("sample", {"model_run": "models:/faces/1"}, Subject(reference="models:/faces/1")),
        ("compare", {"runs": "a=1234abcd,b=5678abcd"}, Subject(reference="1234abcd")),
        ("promote", {"registered_model": "faces"}, Subject(reference="models:/faces")),
        ("promote", {}, Subject(reference="auto")),
    ],
)
def test_a_command_is_about_the_run_that_it_names_or_else_its_data(
    entry_point: str, changes: dict[str, Any], subject: Subject
) -> None:
    assert subject_of(tiny_configs(entry_point, changes)) == subject


@pytest.mark.parametrize(
    "entry_point", [name for name in ENTRY_POINTS if name not in ("serve", "image", "deliver", "doctor")]
)
def test_every_command_that_has_runs_is_about_something(entry_point: str) -> None:
    assert subject_of(tiny_configs(entry_point, {})) != Subject()
