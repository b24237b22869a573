import pytest

from lds_mlflow.choices.samplers import SAMPLERS
from lds_mlflow.config import AblateConfig, AugmentConfig, FinetuneConfig, parse
from lds_mlflow.config.arms import ARMS, BASELINE, CONTROL, Arm
from lds_mlflow.entry.points import ENTRY_POINTS
from lds_mlflow.errors import ConfigError


@pytest.mark.parametrize("arm", ARMS.values(), ids=list(ARMS))
def test_an_arm_changes_parameters_that_there_are_to_values_that_they_take(arm: Arm) -> None:
    parse(AugmentConfig, arm.augment or {})
    parse(FinetuneConfig, arm.finetune or {})
    assert arm.sampler in SAMPLERS


def test_what_an_arm_changes_is_no_parameter_of_ablate() -> None:
    changed = {name for arm in ARMS.values() for changes in (arm.augment, arm.finetune) for name in changes or {}}
    assert not changed & set(ENTRY_POINTS["ablate"].parameters)


def test_names_and_titles_are_each_ones_own() -> None:
    assert len({arm.title for arm in ARMS.values()}) == len(ARMS)
    assert all(name == arm.name for name, arm in ARMS.items())


def test_the_baseline_and_the_control_always_run() -> None:
    assert parse(AblateConfig, {"arms": "lds , random"}).wanted == (BASELINE, CONTROL, "random", "lds")
    assert parse(AblateConfig, {}).wanted == tuple(ARMS)


@pytest.mark.parametrize("arms", ["", "lds,", "lds,ldss", "everything"])
def test_an_unknown_arm_is_refused_with_those_that_there_are(arms: str) -> None:
    with pytest.raises(ConfigError, match="lds-sharpness"):
        parse(AblateConfig, {"arms": arms})
