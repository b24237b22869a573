from typing import Any

import pytest

from lds_mlflow.config import AblateConfig, Settings, parse
from lds_mlflow.config.arms import ARMS, BASELINE, CONTROL
from tests.unit.config.problems import require_refused, require_taken


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (AblateConfig, "arms", "best"),
        (AblateConfig, "seeds", 1),
        (AblateConfig, "generations", -1),
        (AblateConfig, "margin", 1),
    ],
)
def test_a_value_out_of_range_is_refused_with_its_name_and_itself(kind: type[Settings], name: str, value: Any) -> None:
    require_refused(kind, name, value)


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (AblateConfig, "seeds", 2),
        (AblateConfig, "workers", 0),
    ],
)
def test_a_value_at_the_edge_of_its_range_is_taken(kind: type[Settings], name: str, value: Any) -> None:
    require_taken(kind, name, value)


def test_all_arms_are_wanted_unless_some_are_named() -> None:
    assert parse(AblateConfig, {}).wanted == tuple(ARMS)


def test_the_baseline_and_the_control_always_run_in_the_order_of_the_tables() -> None:
    last = list(ARMS)[-1]
    assert set(parse(AblateConfig, {"arms": f" {last} "}).wanted) == {BASELINE, CONTROL, last}
    wanted = parse(AblateConfig, {"arms": ",".join(reversed(ARMS))}).wanted
    assert wanted == tuple(ARMS)
