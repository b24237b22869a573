from typing import Any

import pytest

from lds_mlflow.config import AugmentConfig, Settings
from tests.unit.config.problems import problems, require_refused, require_taken


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (AugmentConfig, "augmentation_ratio", 11),
        (AugmentConfig, "top_fraction", 1.01),
        (AugmentConfig, "selection", "best"),
        (AugmentConfig, "sigma", "-1"),
        (AugmentConfig, "sigma", "norm/6"),
        (AugmentConfig, "leave_endpoints_out", "maybe"),
    ],
)
def test_a_value_out_of_range_is_refused_with_its_name_and_itself(kind: type[Settings], name: str, value: Any) -> None:
    require_refused(kind, name, value)


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (AugmentConfig, "top_fraction", 1),
        (AugmentConfig, "augmentation_ratio", 10),
    ],
)
def test_a_value_at_the_edge_of_its_range_is_taken(kind: type[Settings], name: str, value: Any) -> None:
    require_taken(kind, name, value)


def test_exhaustive_candidates_are_linear() -> None:
    (problem,) = problems((AugmentConfig,), {"candidates": "exhaustive", "interpolation": "slerp"})
    assert problem.startswith("interpolation=slerp: should be linear")
