from importlib import import_module

import pytest

from lds_mlflow.config import EvaluateConfig
from lds_mlflow.entry.graph import REFERENCES, STEPS, Step, steps_behind

ALL_STEPS = pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
REGISTERED = (
    *("data", "train", "open", "encode", "augment", "finetune"),
    *("classifier", "calibrate", "evaluate", "register"),
)


def test_a_step_is_known_by_its_name() -> None:
    assert all(step.name == name for name, step in STEPS.items())


@ALL_STEPS
def test_every_input_is_made_by_an_earlier_step(step: Step) -> None:
    earlier = list(STEPS)[: list(STEPS).index(step.name)]
    for needed in step.inputs:
        assert needed.steps[0] in earlier
        assert set(needed.steps) <= {*STEPS} - {step.name} | {"finetune"}


@ALL_STEPS
def test_what_an_input_stands_for_is_one_of_the_steps_that_will_do(step: Step) -> None:
    assert all(needed.stands_for in ("", *needed.steps) for needed in step.inputs)


@ALL_STEPS
def test_every_input_has_a_parameter_and_every_run_parameter_is_an_input(step: Step) -> None:
    named = {name for name in step.config.model_fields if name.endswith("_run") or name == "runs"}
    assert step.references == named
    assert named <= REFERENCES


@ALL_STEPS
def test_the_module_of_a_step_runs_it(step: Step) -> None:
    module = import_module(step.module)
    assert callable(module.run)
    assert set(module.__all__) <= {"run", "outside", "check"}


@ALL_STEPS
def test_what_a_step_settles_is_a_parameter_of_a_step_that_it_may_run_or_of_promoting(step: Step) -> None:
    names = {name for behind in steps_behind(step.name) for name in STEPS[behind].config.model_fields}
    assert step.settles - names <= {"candidate", "rollback"}


@ALL_STEPS
def test_what_a_step_reads_or_makes_comes_before_it(step: Step) -> None:
    steps = steps_behind(step.name)
    assert len(set(steps)) == len(steps)
    for place, name in enumerate(steps):
        assert {*STEPS[name].makes, *(needed.steps[0] for needed in STEPS[name].inputs)} <= set(steps[:place])


@ALL_STEPS
def test_a_step_is_the_last_of_those_behind_it_but_for_one_that_registers(step: Step) -> None:
    assert steps_behind(step.name)[-1] == ("register" if step.registers else step.name)


@pytest.mark.parametrize(
    ("name", "behind"),
    [
        ("data", ("data",)),
        ("augment", ("data", "train", "open", "encode", "augment")),
        ("finetune", REGISTERED),
        ("register", REGISTERED),
        ("evaluate", REGISTERED[:-1]),
        ("compare", (*REGISTERED[:-1], "compare")),
        ("ablate", (*REGISTERED[:-1], "ablate")),
        ("calibrate", REGISTERED[:8]),
        ("sample", (*REGISTERED[:8], "sample")),
    ],
)
def test_a_command_may_run_these_steps(name: str, behind: tuple[str, ...]) -> None:
    assert steps_behind(name) == behind


def test_several_steps_have_the_steps_behind_each_once() -> None:
    assert steps_behind("classifier", "encode") == ("data", "train", "open", "encode", "classifier")


def test_finetune_alone_registers_and_compare_alone_is_ordered() -> None:
    assert [name for name, step in STEPS.items() if step.registers] == ["finetune"]
    assert [name for name, step in STEPS.items() if step.ordered] == ["compare"]


def test_an_evaluation_judges_by_the_test_part_alone() -> None:
    judges = STEPS["evaluate"].judges
    assert (judges(EvaluateConfig(part="test")), judges(EvaluateConfig(part="select"))) == (True, False)
