from collections.abc import Mapping
from typing import Any

import pytest

from lds_mlflow.config import Configs
from lds_mlflow.entry.graph import STEPS
from lds_mlflow.pipeline.names import name_of_run
from lds_mlflow.tracking.lost import LostRun
from tests.conftest import tiny_configs
from tests.unit.steps.surroundings import GivenRun

FACES = GivenRun("data", params={"data": "/pictures/faces64"})
BASELINE, FINETUNED = GivenRun("train"), GivenRun("finetune")


def _of_A(source: str, selection: str = "top") -> GivenRun:
    return GivenRun("augment", params={"source": source, "selection": selection})


def _name(step: str, inputs: Mapping[str, Any], label: str = "", **changes: Any) -> str:
    configs: Configs = tiny_configs(step, changes)
    config = configs[STEPS[step].config]
    return name_of_run(step, config, inputs, configs, label)


@pytest.mark.parametrize(
    ("step", "inputs", "label", "name"),
    [
        ("data", {}, "", "data digits"),
        ("train", {"data": FACES}, "", "train faces64 seed 0"),
        ("train", {"data": FACES}, "seed 3", "train faces64 seed 3"),
        ("augment", {"data": FACES}, "", "augment faces64 lds"),
        ("finetune", {"data": FACES, "augment": _of_A("interpolants")}, "", "finetune faces64 +A lds"),
        ("finetune", {"data": FACES, "augment": _of_A("interpolants", "random")}, "", "finetune faces64 +A random"),
        ("finetune", {"data": FACES, "augment": _of_A("interpolants", "knee")}, "", "finetune faces64 +A lds knee"),
        ("finetune", {"data": FACES, "augment": _of_A("mixup")}, "", "finetune faces64 +A mixup"),
        (
            "finetune",
            {"data": FACES, "augment": _of_A("mixup")},
            "trial 7 seed 2",
            "finetune faces64 +A trial 7 seed 2",
        ),
        ("finetune", {"data": FACES}, "", "finetune faces64 control"),
        ("evaluate", {"data": FACES, "model": FINETUNED}, "", "evaluate faces64 finetuned test"),
        ("evaluate", {"data": FACES, "model": BASELINE}, "", "evaluate faces64 baseline test"),
        ("evaluate", {"data": FACES, "model": FINETUNED}, "lds 0 test", "evaluate faces64 lds 0 test"),
        ("sample", {"data": FACES, "model": FINETUNED}, "", "sample faces64 finetuned"),
        ("register", {"data": FACES, "model": FINETUNED}, "", "register faces64"),
        ("compare", {"baseline": FINETUNED, "control": FINETUNED}, "", "compare digits baseline, control"),
        ("ablate", {"data": FACES}, "", "ablate faces64"),
    ],
)
def test_a_name_tells_the_step_the_data_and_what_is_special(
    step: str, inputs: Mapping[str, Any], label: str, name: str
) -> None:
    assert _name(step, inputs, label) == name


def test_a_comparison_of_given_runs_is_not_called_after_the_default_data() -> None:
    assert _name("compare", {"new": FINETUNED, "old": FINETUNED}, runs="new=12,old=34") == "compare new, old"


def test_a_run_whose_data_s_record_is_gone_has_a_name_too() -> None:
    lost = LostRun("0" * 32, step="data", digest="12", tracking_uri="sqlite://", experiment_id="0")
    assert _name("sample", {"data": lost, "model": FINETUNED}) == "sample finetuned"


def test_a_name_has_an_end() -> None:
    assert len(_name("compare", {f"{'very long ' * 9}{number}": FINETUNED for number in range(9)})) <= 120
