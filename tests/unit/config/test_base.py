from itertools import combinations
from typing import Any

import pytest
from pydantic import ValidationError

from lds_mlflow.config import FinetuneConfig, Options, Settings, TrainConfig, parse
from lds_mlflow.config.base import is_declared
from lds_mlflow.entry.graph import STEPS
from tests.unit.config.problems import problems, require_refused, require_taken

KINDS: tuple[type[Settings], ...] = (*(step.config for step in STEPS.values()), Options)


@pytest.mark.parametrize("kind", KINDS)
def test_the_defaults_are_valid(kind: type[Settings]) -> None:
    defaults = {name: field.default for name, field in kind.model_fields.items()}
    assert parse(kind, {}) == parse(kind, defaults) == parse(kind, {name: str(v) for name, v in defaults.items()})


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_has_a_description_in_a_sentence(kind: type[Settings]) -> None:
    for name, field in kind.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name
        assert "\n" not in field.description, name


@pytest.mark.parametrize("kind", KINDS)
def test_every_configuration_says_what_its_step_does(kind: type[Settings]) -> None:
    assert kind.__doc__
    assert kind.__doc__.endswith(".")


@pytest.mark.parametrize(("one", "other"), combinations(KINDS, 2))
def test_parameters_of_one_name_agree_in_everything(one: type[Settings], other: type[Settings]) -> None:
    for name in one.model_fields.keys() & other.model_fields.keys():
        ours, theirs = one.model_fields[name], other.model_fields[name]
        assert ours.annotation == theirs.annotation, name
        assert ours.metadata == theirs.metadata, name
        assert ours.default == theirs.default, name
        assert ours.description == theirs.description, name


def test_a_configuration_cannot_be_changed() -> None:
    config: Any = TrainConfig()
    with pytest.raises(ValidationError, match="frozen"):
        config.train_steps = 3


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (Options, "device", "gpu"),
        (Options, "device", "cuda:"),
        (Options, "checkpoint_every", 0),
        (Options, "reuse", "maybe"),
        (Options, "outage_minutes", -1),
    ],
)
def test_a_value_out_of_range_is_refused_with_its_name_and_itself(kind: type[Settings], name: str, value: Any) -> None:
    require_refused(kind, name, value)


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (Options, "device", "cuda:1"),
    ],
)
def test_a_value_at_the_edge_of_its_range_is_taken(kind: type[Settings], name: str, value: Any) -> None:
    require_taken(kind, name, value)


def test_an_input_that_a_step_can_do_without_may_be_none_and_no_other() -> None:
    assert parse(FinetuneConfig, {"augment_run": "none"}).augment_run == "none"
    (problem,) = problems((TrainConfig,), {"data_run": "none"})
    assert problem.endswith("should name a run, since the step needs this input")


def test_mlproject_lists_what_is_declared() -> None:
    fields = TrainConfig.model_fields
    assert is_declared(fields["train_steps"])
    assert not is_declared(fields["kl_warmup"])
