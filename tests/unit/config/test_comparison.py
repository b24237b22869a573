from typing import Any

import pytest

from lds_mlflow.config import CompareConfig, Settings, named_runs
from tests.unit.config.problems import require_refused, require_taken


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (CompareConfig, "runs", "a"),
        (CompareConfig, "runs", "a,"),
        (CompareConfig, "runs", "one=a,one=b"),
        (CompareConfig, "runs", "a/b=a,c=d"),
        (CompareConfig, "margin", 0),
    ],
)
def test_a_value_out_of_range_is_refused_with_its_name_and_itself(kind: type[Settings], name: str, value: Any) -> None:
    require_refused(kind, name, value)


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (CompareConfig, "runs", "auto"),
        (CompareConfig, "runs", "a,b"),
    ],
)
def test_a_value_at_the_edge_of_its_range_is_taken(kind: type[Settings], name: str, value: Any) -> None:
    require_taken(kind, name, value)


def test_runs_to_compare_have_names_or_none() -> None:
    found = named_runs("abc, new = runs:/def ,models:/m@champion")
    assert found == [("", "abc"), ("new", "runs:/def"), ("", "models:/m@champion")]
