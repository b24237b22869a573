import pytest

from lds_mlflow.config import (
    CalibrateConfig,
    ClassifierConfig,
    DeliverConfig,
    DryRunConfig,
    EvaluateConfig,
    ExportFolder,
    Options,
    PromoteConfig,
    ServeConfig,
    Settings,
)
from lds_mlflow.entry.graph import REFERENCES, STEPS, Step, steps_behind
from lds_mlflow.entry.points import DELIVER, DOCTOR, ENTRY_POINTS, IMAGE, MAIN, PROMOTE, SERVE, EntryPoint
from tuning.entry import TUNE

POINTS = (*ENTRY_POINTS.values(), TUNE)
ALL_STEPS = pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
ALL_POINTS = pytest.mark.parametrize("point", POINTS, ids=lambda point: point.name)


def test_there_is_an_entry_point_for_the_whole_pipeline_every_step_and_what_is_done_with_models() -> None:
    assert [*ENTRY_POINTS] == [MAIN, *STEPS, PROMOTE, SERVE, IMAGE, DELIVER, DOCTOR]
    assert all(point.name == name for name, point in ENTRY_POINTS.items())


def test_main_runs_everything_but_the_ablation_and_the_sampling() -> None:
    kinds = [step.config for name, step in STEPS.items() if name not in {"ablate", "sample", "export"}]
    assert ENTRY_POINTS[MAIN].configs == (Options, *kinds, PromoteConfig, DryRunConfig)


@ALL_STEPS
def test_a_step_takes_the_configurations_of_the_steps_behind_it_and_the_options(step: Step) -> None:
    promotes = (PromoteConfig,) if step.name == "finetune" else ()
    kinds: dict[str, type[Settings]] = {"train": DryRunConfig, "open": DryRunConfig, "export": ExportFolder}
    also = [kind for name, kind in kinds.items() if name == step.name]
    of_steps = (STEPS[name].config for name in steps_behind(step.name))
    assert ENTRY_POINTS[step.name].configs == (Options, *of_steps, *promotes, *also)


def test_promoting_takes_what_evaluating_takes_and_serving_nothing_of_the_steps() -> None:
    assert ENTRY_POINTS[PROMOTE].configs == (Options, ClassifierConfig, CalibrateConfig, EvaluateConfig, PromoteConfig)
    assert ENTRY_POINTS[SERVE].configs == (ServeConfig,)
    assert ENTRY_POINTS[DELIVER].configs == (DeliverConfig,)
    assert {"features", "candidate", "rollback"} <= set(ENTRY_POINTS[PROMOTE].parameters)


@ALL_STEPS
def test_a_step_has_all_parameters_that_it_does_not_settle_its_own_first_and_the_options_last(step: Step) -> None:
    point = ENTRY_POINTS[step.name]
    found = list(point.parameters)
    assert {*found} == {name for config in point.configs for name in config.model_fields} - point.settles
    own = [name for name in step.config.model_fields if name not in point.settles]
    assert [name for name in found if name in step.config.model_fields] == own
    assert found[-len(Options.model_fields) :] == list(Options.model_fields)


@pytest.mark.parametrize("name", [MAIN, PROMOTE, "tune"])
def test_what_makes_every_run_by_itself_takes_none(name: str) -> None:
    (point,) = (point for point in POINTS if point.name == name)
    assert not REFERENCES & set(point.parameters)


def test_an_ablation_may_name_the_model_that_its_arms_begin_with_and_no_other_run() -> None:
    assert REFERENCES & set(ENTRY_POINTS["ablate"].parameters) == {"train_run"}


def test_a_comparison_names_the_runs_that_it_reads_and_none_upstream_of_them() -> None:
    assert REFERENCES & set(ENTRY_POINTS["compare"].parameters) == {"runs"}


def test_main_takes_what_its_steps_take() -> None:
    assert {"data", "train_steps", "sigma", "finetune_steps", "k_neighbours", "reuse"} <= set(
        ENTRY_POINTS[MAIN].parameters
    )


@ALL_POINTS
def test_every_entry_point_says_what_it_does_in_a_sentence_of_its_own(point: EntryPoint) -> None:
    assert point.help_text.endswith(".")
    assert [other.help_text for other in POINTS].count(point.help_text) == 1


@ALL_POINTS
def test_what_an_entry_point_settles_is_no_flag_and_what_it_declares_is_one(point: EntryPoint) -> None:
    assert not point.settles & set(point.parameters)
    assert {*point.declared} <= {*point.parameters}


@ALL_STEPS
def test_a_step_declares_the_runs_that_it_reads(step: Step) -> None:
    assert step.references <= set(ENTRY_POINTS[step.name].declared)
