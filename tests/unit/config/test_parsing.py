from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lds_mlflow.config import (
    AugmentConfig,
    DataConfig,
    EvaluateConfig,
    FinetuneConfig,
    Options,
    Settings,
    TrainConfig,
    parse,
    parse_all,
)
from lds_mlflow.entry.graph import STEPS
from lds_mlflow.errors import ConfigError
from tests.unit.config.problems import named, problems

KINDS: tuple[type[Settings], ...] = (*(step.config for step in STEPS.values()), Options)
NUMBERS = [(kind, name) for kind in KINDS for name, field in kind.model_fields.items() if field.annotation is float]


def test_a_source_of_data_brings_defaults_that_suit_it_and_what_is_given_counts_before_them() -> None:
    kinds = (DataConfig, TrainConfig, EvaluateConfig)
    of_images, of_molecules = (parse_all(kinds, {"data": data}) for data in ("digits", "molecules"))
    assert (of_images[TrainConfig].recipe, of_images[EvaluateConfig].features) == ("adversarial", "classifier")
    assert (of_molecules[TrainConfig].recipe, of_molecules[EvaluateConfig].features) == ("sequence", "chemnet")
    assert of_molecules[TrainConfig].kl_weight == 0.05
    given = parse_all(kinds, {"data": "hits.csv", "recipe": "elbo", "features": "classifier"})
    assert (given[TrainConfig].recipe, given[EvaluateConfig].features) == ("elbo", "classifier")
    assert parse(DataConfig, {"data": "molecules"}).data == "molecules"


def test_text_is_read_as_what_it_stands_for() -> None:
    options = parse(Options, {"reuse": "false", "work_dir": "some/where", "checkpoint_every": "7"})
    assert (options.reuse, options.work_dir, options.checkpoint_every) == (False, Path("some/where"), 7)
    augment = parse(AugmentConfig, {"leave_endpoints_out": "True", "tau": "1e-3", "sigma": "0.5"})
    assert (augment.leave_endpoints_out, augment.tau, augment.sigma) == (True, 0.001, "0.5")
    data = parse(DataConfig, {"data": "photos", "resolution": "32", "channels": "3", "select_fraction": "0.25"})
    assert (data.resolution, data.channels, data.select_fraction) == (32, 3, 0.25)


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("False", False), ("1", True), ("0", False), ("no", False)]
)
def test_a_switch_understands_the_usual_words(text: str, value: bool) -> None:
    assert parse(Options, {"reuse": text}).reuse is value


@settings(max_examples=30, deadline=None)
@given(steps=st.integers(1, 10**9), rate=st.floats(1e-9, 1e3), fall=st.floats(0, 1, exclude_max=True))
def test_numbers_mean_the_same_as_text(steps: int, rate: float, fall: float) -> None:
    values = {"train_steps": steps, "learning_rate": rate, "rate_fall": fall}
    assert parse(TrainConfig, {name: str(value) for name, value in values.items()}) == parse(TrainConfig, values)


@pytest.mark.parametrize(("kind", "name"), NUMBERS)
@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "", "a few"])
def test_what_is_no_finite_number_is_refused(kind: type[Settings], name: str, text: str) -> None:
    assert named(problems((kind,), {name: text})) == [name]


def test_every_wrong_parameter_is_reported_at_once() -> None:
    wrong = {"resolution": 9, "channels": 2, "limit": -1, "select_fraction": 2, "split_seed": "x"}
    assert named(problems((DataConfig,), wrong)) == sorted(wrong)


def test_wrong_parameters_of_several_steps_are_reported_at_once() -> None:
    wrong = {"resolution": 9, "train_steps": 0, "tau": -1, "device": "gpu", "sigmma": 1}
    assert named(problems(KINDS, wrong)) == sorted(wrong)


def test_a_wrong_parameter_that_two_steps_share_is_reported_once() -> None:
    assert problems((TrainConfig, FinetuneConfig), {"batch_size": 0}) == [
        "batch_size=0: should be greater than or equal to 1, or be auto"
    ]


def test_a_parameter_of_no_step_isnamed() -> None:
    assert problems((TrainConfig, Options), {"trainsteps": 3}) == [
        "there is no parameter trainsteps; the nearest is train_steps"
    ]
    assert named(problems((TrainConfig,), {"tau": 0.1, "sigma": 1})) == ["sigma", "tau"]


def test_a_shared_parameter_reaches_every_step_that_has_it() -> None:
    parsed = parse_all((TrainConfig, FinetuneConfig), {"batch_size": "8"})
    assert [parsed[kind].model_dump()["batch_size"] for kind in (TrainConfig, FinetuneConfig)] == [8, 8]


def test_configurations_are_found_by_their_kinds() -> None:
    configs = parse_all((TrainConfig, Options), {"train_steps": 3})
    assert configs[TrainConfig].train_steps == 3
    assert configs.get(Options) == Options()
    assert configs.get(FinetuneConfig) is None
    with pytest.raises(KeyError, match="FinetuneConfig"):
        configs[FinetuneConfig]


def test_a_parameter_that_may_not_be_given_is_not_known() -> None:
    with pytest.raises(ConfigError, match="there is no parameter train_seed"):
        parse_all((TrainConfig,), {"train_seed": 1}, known={"train_steps"})
    assert parse_all((TrainConfig,), {"train_steps": 3}, known={"train_steps"})[TrainConfig].train_steps == 3
