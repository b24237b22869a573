from typing import Any

import pytest

from lds_mlflow.choices.data_sources import DATA_SOURCES
from lds_mlflow.config import DataConfig, Settings, parse
from tests.unit.config.problems import named, problems, require_refused, require_taken


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (DataConfig, "data", ""),
        (DataConfig, "resolution", 4),
        (DataConfig, "resolution", 12),
        (DataConfig, "resolution", -8),
        (DataConfig, "channels", 2),
        (DataConfig, "channels", "grey"),
        (DataConfig, "limit", -1),
        (DataConfig, "select_fraction", 0),
        (DataConfig, "test_fraction", 1),
        (DataConfig, "split_seed", 2**32),
    ],
)
def test_a_value_out_of_range_is_refused_with_its_name_and_itself(kind: type[Settings], name: str, value: Any) -> None:
    require_refused(kind, name, value)


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (DataConfig, "resolution", 256),
    ],
)
def test_a_value_at_the_edge_of_its_range_is_taken(kind: type[Settings], name: str, value: Any) -> None:
    require_taken(kind, name, value)


@pytest.mark.parametrize(
    "fractions",
    [
        {"select_fraction": 0.5, "test_fraction": 0.5},
        {"select_fraction": 0.9, "test_fraction": 0.2},
        {"select_fraction": 0.9},
        {"test_fraction": 0.8},
    ],
)
def test_fractions_that_leave_nothing_to_train_on_are_refused(fractions: dict[str, float]) -> None:
    (problem,) = problems((DataConfig,), dict(fractions))
    assert "select_fraction + test_fraction must be below 1" in problem


def test_fractions_that_leave_a_little_are_taken() -> None:
    assert parse(DataConfig, {"select_fraction": 0.5, "test_fraction": 0.49}).test_fraction == 0.49


def test_a_wrong_fraction_is_not_blamed_on_the_other() -> None:
    assert named(problems((DataConfig,), {"select_fraction": 2, "test_fraction": 0.5})) == ["select_fraction"]


@pytest.mark.parametrize("name", ["attributes", "split_list"])
def test_a_table_that_is_not_there_is_refused(name: str) -> None:
    (problem,) = problems((DataConfig,), {name: "/no/such/file"})
    assert problem.startswith(f"{name}=/no/such/file: ")
    assert "there is no file at /no/such/file" in problem


@pytest.mark.parametrize("data", ["digits", "torchvision:FashionMNIST:folder"])
@pytest.mark.parametrize("given", [{"label": "3"}, {"channels": "3"}])
def test_what_a_source_does_not_take_is_refused(data: str, given: dict[str, str]) -> None:
    (problem,) = problems((DataConfig,), {"data": data, **given})
    ((name, value),) = given.items()
    assert problem.startswith(f"{name}={value}: ")
    assert f"should be left out with data={data}" in problem
    assert "give sample_label" in problem
    assert parse(DataConfig, {"data": "folder", **given}).data == "folder"


def test_the_help_of_data_lists_every_source() -> None:
    description = str(DataConfig.model_fields["data"].description)
    assert all(source.says in description for source in DATA_SOURCES.values())
