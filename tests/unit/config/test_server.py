from typing import Any

import pytest

from lds_mlflow.config import DeliverConfig, ImageConfig, Options, ServeConfig, Settings, parse
from tests.unit.config.problems import require_refused, require_taken


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (ServeConfig, "model", "faces"),
        (ServeConfig, "model", "models:/"),
        (ServeConfig, "host", ""),
        (ServeConfig, "port", 0),
        (ServeConfig, "port", 65536),
        (ImageConfig, "model", "runs:/abc/model"),
        (ImageConfig, "image", "Faces:1"),
        (ImageConfig, "image", "faces"),
        (ImageConfig, "base_image", ""),
        (ImageConfig, "network", "none"),
        (ImageConfig, "start_minutes", 0),
    ],
)
def test_a_value_out_of_range_is_refused_with_its_name_and_itself(kind: type[Settings], name: str, value: Any) -> None:
    require_refused(kind, name, value)


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (ServeConfig, "model", "runs:/abc/model"),
        (ServeConfig, "port", 65535),
        (ImageConfig, "image", "registry.example/team/faces:1.2-b"),
        (ImageConfig, "image", ""),
        (ImageConfig, "start_minutes", 60),
    ],
)
def test_a_value_at_the_edge_of_its_range_is_taken(kind: type[Settings], name: str, value: Any) -> None:
    require_taken(kind, name, value)


def test_what_is_delivered_lies_where_runs_leave_it() -> None:
    assert parse(DeliverConfig, {}).work_dir == parse(Options, {}).work_dir
