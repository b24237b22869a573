from pathlib import Path

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.samplers import RandomSampler

from lds_mlflow.config import parse
from lds_mlflow.errors import ConfigError
from tuning.space import SPACES, TUNABLE, Space, read_space


def _study(seed: int = 0) -> optuna.Study:
    return optuna.create_study(sampler=RandomSampler(seed))


def _holds(space: Space, values: dict[str, object]) -> bool:
    return all(
        (one.name in values) == all(values.get(name) in wanted for name, wanted in one.when.items())
        for one in space.parameters
    )


@given(seed=st.integers(0, 2**31), name=st.sampled_from(SPACES))
def test_there_is_a_value_of_exactly_the_parameters_whose_condition_holds(seed: int, name: str) -> None:
    space = read_space(name)
    values = space.suggest(_study(seed).ask())
    assert _holds(space, dict(values))
    for own, value in values.items():
        parse(TUNABLE[own], {own: value})


@pytest.mark.parametrize("name", SPACES)
def test_what_is_tried_first_is_a_whole_point_of_the_space(name: str) -> None:
    space = read_space(name)
    assert space.first
    for values in space.first.values():
        study = _study()
        study.enqueue_trial(dict(values))
        suggested = space.suggest(study.ask())
        assert {own: suggested[own] for own in values} == dict(values)
        assert _holds(space, dict(suggested))


def test_the_draft_comes_first_and_the_control_second() -> None:
    first = read_space("augmentation").first
    assert list(first) == ["the draft", "the control"]
    assert first["the control"] == {"augment_run": "none"}


def test_the_control_is_never_suggested_where_it_is_one_point_and_may_be_where_it_has_parameters() -> None:
    one_point, own_parameters = read_space("augmentation"), read_space("finetuning")
    assert one_point.suggested == {"augment_run": "auto"}
    assert own_parameters.suggested == {}
    assert "the control" in one_point.first
    assert read_space("augmentation", "augment_run=none").suggested == {}


def test_ranges_narrow_a_space_and_keep_its_conditions() -> None:
    space = read_space("augmentation", "top_fraction=0.1:0.3, selection=top|random, gamma=0.5")
    by_name = {one.name: one for one in space.parameters}
    assert by_name["top_fraction"].distribution == FloatDistribution(0.1, 0.3, log=True)
    assert by_name["selection"].distribution == CategoricalDistribution(("top", "random"))
    assert by_name["gamma"].when == {"selection": ("power",)}
    assert space.digest != read_space("augmentation").digest


def test_what_is_out_of_the_ranges_is_not_tried_first() -> None:
    assert list(read_space("augmentation", "top_fraction=0.3:0.5").first) == ["the control"]


@pytest.mark.parametrize(
    ("ranges", "problem"),
    [
        ("top_fraction=0.5:0.1", "found 0.5 to 0.1"),
        ("top_fraction=0.2:0.2", "found 0.2 to 0.2"),
        ("top_fraction=0.1:2", "top_fraction=2"),
        ("selection=best", "selection=best"),
        ("sigmo=1:2", "found sigmo"),
        ("sigma_multiplier=a:b", "numbers as both ends"),
        ("tau", "NAME=LOW:HIGH"),
    ],
)
def test_a_wrong_range_is_refused_and_named(ranges: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        read_space("augmentation", ranges)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("parameters: {}", "parameters"),
        ("parameters: {finetune_steps: {low: 1, high: 5}}", "found finetune_steps"),
        ("parameters: {tau: {low: 0.1, high: 0.2, choices: [1.0]}}", "neither choices nor a range"),
        ("parameters: {tau: {low: 0.1, high: 0.2, when: {selection: [paper]}}}", "a condition on selection"),
        ("parameters: {tau: {low: -0.1, high: 0.2}}", "tau=-0.1"),
        ("parameters: {gamma: {low: -0.1, high: 0.2, log: true}}", "above 0 where log is true"),
        ("first: {one: {sigma: loo}}\nparameters: {tau: {low: 0.1, high: 0.2}}", "found sigma"),
        ("parameters: {selection: {choices: [top, paper], suggest: best}}", "suggest of selection: found best"),
        ("parameters: [", "parsing"),
        ("parameters: " + "[" * 9_999, "20 levels of nesting"),
        ("a: &a [x, x]\nb: &b [*a, *a]\nparameters: {tau: {choices: *b}}", r"the alias \*a"),
        ("parameters: {tau: {lo: 1}}", "lo"),
    ],
)
def test_a_wrong_file_is_refused_and_named(text: str, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "space.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=problem):
        read_space(str(path))


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match=r"nowhere.yaml.*augmentation, finetuning, sampling"):
        read_space("nowhere.yaml")
