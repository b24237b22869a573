import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from lds_mlflow.choices.bandwidths import BANDWIDTHS, parse_bandwidth
from lds_mlflow.choices.presets import PRESETS
from lds_mlflow.config import (
    AugmentConfig,
    CompareConfig,
    DataConfig,
    EvaluateConfig,
    FinetuneConfig,
    Options,
    RegisterConfig,
    Settings,
    TrainConfig,
    choices_of,
    named_runs,
    parse,
    parse_all,
)
from lds_mlflow.entry.graph import STEPS
from lds_mlflow.errors import ConfigError

KINDS: tuple[type[Settings], ...] = (*(step.config for step in STEPS.values()), Options)
PRINTABLE = st.characters(categories=["L", "N", "P", "S"])
NUMBERS = [(kind, name) for kind in KINDS for name, field in kind.model_fields.items() if field.annotation is float]


def _problems(kinds: tuple[type[Settings], ...], values: dict[str, Any]) -> list[str]:
    """The lines of the error, one a wrong parameter."""
    with pytest.raises(ConfigError) as caught:
        parse_all(kinds, values)
    problems = [line.removeprefix("  - ") for line in caught.value.found.splitlines() if line.strip()]
    assert caught.value.what == f"{len(problems)} wrong parameter{'s' if len(problems) > 1 else ''}"
    assert "--help" in caught.value.remedy
    return problems


def _named(problems: list[str]) -> list[str]:
    return sorted(re.split("[=;]", problem.removeprefix("there is no parameter "))[0] for problem in problems)


def _choices(kind: type[Settings], name: str) -> tuple[Any, ...]:
    return tuple(choices_of(kind.model_fields[name]))


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


def test_text_is_read_as_what_it_stands_for() -> None:
    options = parse(Options, {"reuse": "false", "work_dir": "some/where", "checkpoint_every": "7"})
    assert (options.reuse, options.work_dir, options.checkpoint_every) == (False, Path("some/where"), 7)
    augment = parse(AugmentConfig, {"leave_endpoints_out": "True", "tau": "1e-3", "sigma": "0.5"})
    assert (augment.leave_endpoints_out, augment.tau, augment.sigma) == (True, 0.001, "0.5")
    data = parse(DataConfig, {"resolution": "32", "channels": "3", "select_fraction": "0.25"})
    assert (data.resolution, data.channels, data.select_fraction) == (32, 3, 0.25)


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("False", False), ("1", True), ("0", False), ("no", False)]
)
def test_a_switch_understands_the_usual_words(text: str, value: bool) -> None:
    assert parse(Options, {"reuse": text}).reuse is value


@settings(max_examples=30, deadline=None)
@given(steps=st.integers(1, 10**9), rate=st.floats(1e-9, 1e3), decay=st.floats(0, 1, exclude_max=True))
def test_numbers_mean_the_same_as_text(steps: int, rate: float, decay: float) -> None:
    values = {"train_steps": steps, "learning_rate": rate, "ema_decay": decay}
    assert parse(TrainConfig, {name: str(value) for name, value in values.items()}) == parse(TrainConfig, values)


@pytest.mark.parametrize(("kind", "name"), NUMBERS)
@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "", "a few"])
def test_what_is_no_finite_number_is_refused(kind: type[Settings], name: str, text: str) -> None:
    assert _named(_problems((kind,), {name: text})) == [name]


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
        (TrainConfig, "train_steps", 0),
        (TrainConfig, "train_steps", 1.5),
        (TrainConfig, "batch_size", "many"),
        (TrainConfig, "learning_rate", 0),
        (TrainConfig, "ema_decay", 1),
        (TrainConfig, "preset", "huge"),
        (TrainConfig, "data_run", ""),
        (AugmentConfig, "augmentation_ratio", 11),
        (AugmentConfig, "top_fraction", 1.01),
        (AugmentConfig, "selection", "best"),
        (AugmentConfig, "sigma", "-1"),
        (AugmentConfig, "sigma", "norm/6"),
        (AugmentConfig, "leave_endpoints_out", "maybe"),
        (RegisterConfig, "registered_model", "a/b"),
        (RegisterConfig, "registered_model", ""),
        (EvaluateConfig, "part", "train"),
        (EvaluateConfig, "program_resolution", 64),
        (EvaluateConfig, "bootstrap_replicates", 99),
        (CompareConfig, "runs", "a"),
        (CompareConfig, "runs", "a,"),
        (CompareConfig, "runs", "one=a,one=b"),
        (CompareConfig, "runs", "a/b=a,c=d"),
        (CompareConfig, "margin", 0),
        (Options, "device", "gpu"),
        (Options, "device", "cuda:"),
        (Options, "checkpoint_every", 0),
        (Options, "reuse", "maybe"),
    ],
)
def test_a_value_out_of_range_is_refused_with_its_name_and_itself(kind: type[Settings], name: str, value: Any) -> None:
    (problem,) = _problems((kind,), {name: value})
    assert problem.startswith(f"{name}={value}: ")
    assert "should" in problem


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (DataConfig, "resolution", 256),
        (AugmentConfig, "top_fraction", 1),
        (AugmentConfig, "augmentation_ratio", 10),
        (RegisterConfig, "registered_model", "none"),
        (FinetuneConfig, "augment_run", "none"),
        (TrainConfig, "ema_decay", 0),
        (Options, "device", "cuda:1"),
    ],
)
def test_a_value_at_the_edge_of_its_range_is_taken(kind: type[Settings], name: str, value: Any) -> None:
    assert getattr(parse(kind, {name: value}), name) == value


def test_every_wrong_parameter_is_reported_at_once() -> None:
    wrong = {"resolution": 9, "channels": 2, "limit": -1, "select_fraction": 2, "split_seed": "x"}
    assert _named(_problems((DataConfig,), wrong)) == sorted(wrong)


def test_wrong_parameters_of_several_steps_are_reported_at_once() -> None:
    wrong = {"resolution": 9, "train_steps": 0, "tau": -1, "device": "gpu", "sigmma": 1}
    assert _named(_problems(KINDS, wrong)) == sorted(wrong)


def test_a_wrong_parameter_that_two_steps_share_is_reported_once() -> None:
    assert _problems((TrainConfig, FinetuneConfig), {"batch_size": 0}) == [
        "batch_size=0: should be greater than or equal to 1"
    ]


def test_a_parameter_of_no_step_is_named() -> None:
    assert _problems((TrainConfig, Options), {"trainsteps": 3}) == [
        "there is no parameter trainsteps; the nearest is train_steps"
    ]
    assert _named(_problems((TrainConfig,), {"tau": 0.1, "sigma": 1})) == ["sigma", "tau"]


def test_a_shared_parameter_reaches_every_step_that_has_it() -> None:
    parsed = parse_all((TrainConfig, FinetuneConfig), {"batch_size": "8"})
    assert [parsed[kind].model_dump()["batch_size"] for kind in (TrainConfig, FinetuneConfig)] == [8, 8]


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
    (problem,) = _problems((DataConfig,), dict(fractions))
    assert "select_fraction + test_fraction must be below 1" in problem


def test_fractions_that_leave_a_little_are_taken() -> None:
    assert parse(DataConfig, {"select_fraction": 0.5, "test_fraction": 0.49}).test_fraction == 0.49


def test_a_wrong_fraction_is_not_blamed_on_the_other() -> None:
    assert _named(_problems((DataConfig,), {"select_fraction": 2, "test_fraction": 0.5})) == ["select_fraction"]


@pytest.mark.parametrize("values", [{"classifier_run": "none", "features": "classifier"}, {"classifier_run": "none"}])
def test_features_of_a_classifier_that_is_not_there_are_refused(values: dict[str, str]) -> None:
    (problem,) = _problems((EvaluateConfig,), dict(values))
    assert problem.startswith("features=classifier: should be another extractor")


def test_without_a_classifier_inception_is_taken() -> None:
    assert parse(EvaluateConfig, {"classifier_run": "none", "features": "inception"}).features == "inception"


@pytest.mark.parametrize("name", ["attributes", "split_list"])
def test_a_table_that_is_not_there_is_refused(name: str) -> None:
    (problem,) = _problems((DataConfig,), {name: "/no/such/file"})
    assert problem.startswith(f"{name}=/no/such/file: ")
    assert "there is no file at /no/such/file" in problem


@pytest.mark.parametrize("features", ["inception", "squeezenet", "squeezenet-caffe", "program"])
def test_weights_that_are_there_are_taken(tmp_path: Path, features: str) -> None:
    (tmp_path / "weights.pth").touch()
    values = {"features": features, "feature_weights": str(tmp_path / "weights.pth")}
    assert parse(EvaluateConfig, values).feature_weights == values["feature_weights"]


@pytest.mark.parametrize(
    ("features", "weights", "rule"),
    [
        ("inception", "/no/such/file", "there is no file at /no/such/file"),
        ("squeezenet", "", "should be a file where features is squeezenet"),
        ("squeezenet-caffe", "", "should be a file where features is squeezenet-caffe"),
        ("program", "", "should be a file where features is program"),
        ("classifier", __file__, "should be empty where features is classifier"),
    ],
)
def test_weights_that_are_missing_or_not_wanted_are_refused(features: str, weights: str, rule: str) -> None:
    (problem,) = _problems((EvaluateConfig,), {"features": features, "feature_weights": weights})
    assert problem.startswith(f"feature_weights={weights}: ")
    assert rule in problem


def test_runs_to_compare_have_names_or_none() -> None:
    found = named_runs("abc, new = runs:/def ,models:/m@champion")
    assert found == [("", "abc"), ("new", "runs:/def"), ("", "models:/m@champion")]


@settings(max_examples=60, deadline=None)
@given(
    sigma=st.one_of(
        st.sampled_from(sorted(BANDWIDTHS)),
        st.floats().map(str),
        st.text(PRINTABLE, max_size=8),
        st.sampled_from(["norm", "1/5"]),
    )
)
def test_sigma_is_what_the_science_takes_for_it(sigma: str) -> None:
    try:
        parse_bandwidth(sigma)
    except ConfigError:
        assert _named(_problems((AugmentConfig,), {"sigma": sigma}))[0] == "sigma"
    else:
        assert parse(AugmentConfig, {"sigma": sigma}).sigma == sigma


def test_a_wrong_sigma_is_told_all_rules() -> None:
    (problem,) = _problems((AugmentConfig,), {"sigma": "scot"})
    assert all(rule in problem for rule in BANDWIDTHS)


def test_exhaustive_candidates_are_linear() -> None:
    (problem,) = _problems((AugmentConfig,), {"candidates": "exhaustive", "interpolation": "slerp"})
    assert problem.startswith("interpolation=slerp: should be linear")


def test_presets_are_those_of_the_network_and_auto() -> None:
    assert _choices(TrainConfig, "preset") == ("auto", *PRESETS)


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
