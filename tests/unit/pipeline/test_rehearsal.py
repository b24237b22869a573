from collections import Counter
from typing import Any

import pytest

from lds_mlflow.errors import ConfigError
from lds_mlflow.pipeline.rehearsal import rehearse
from lds_mlflow.tracking import Tracker
from tests.conftest import MakePipeline
from tests.unit.pipeline.conftest import QUIET

PARENT = "a" * 32


def _steps(tracker: Tracker) -> Counter[str]:
    return Counter(run.data.tags.get("lds.step", "none") for run in tracker.client.search_runs([tracker.experiment_id]))


def test_a_rehearsal_reads_the_data_and_runs_nothing_else(make_pipeline: MakePipeline, tracker: Tracker) -> None:
    runner = make_pipeline("finetune", **QUIET).runner
    plan = rehearse(runner, lambda one: one.resolve("finetune", {}, parent=PARENT), PARENT)
    assert plan.waiting == Counter({"train": 1, "encode": 1, "augment": 1, "finetune": 1})
    assert list(plan.waiting) == ["train", "encode", "augment", "finetune"]
    assert (plan.reused, plan.open_ended) == (0, False)
    assert _steps(tracker) == Counter({"data": 1})


def test_what_was_planned_is_what_the_command_then_runs(
    make_pipeline: MakePipeline, tracker: Tracker, said: list[str]
) -> None:
    pipeline = make_pipeline("ablate", seeds=2, workers=2, arms="lds,sample-density")
    plan = rehearse(pipeline.runner, lambda one: one.resolve("ablate", {}, parent=PARENT), PARENT)
    assert not plan.open_ended
    planned = plan.waiting + Counter({"data": 1})
    make_pipeline("ablate", seeds=2, workers=1, arms="lds,sample-density").run("ablate")
    assert _steps(tracker) == planned
    assert any(line.startswith("plan") for line in said)


def test_finished_runs_are_planned_to_be_reused_and_their_times_are_known(make_pipeline: MakePipeline) -> None:
    make_pipeline("finetune", **QUIET).run("finetune")
    runner = make_pipeline("finetune", sigma="0.5", **QUIET).runner
    plan = rehearse(runner, lambda one: one.resolve("finetune", {}, parent=PARENT), PARENT)
    assert plan.waiting == Counter({"augment": 1, "finetune": 1})
    assert plan.reused == 2
    assert set(plan.seconds) == {"augment", "finetune"}
    assert all(seconds > 0 for seconds in plan.seconds.values())


def test_a_result_that_decides_on_further_steps_leaves_the_plan_open(make_pipeline: MakePipeline) -> None:
    # Which sampler is registered, and so what is evaluated with it, is found by evaluating.
    runner = make_pipeline("main").runner

    def command(one: Any) -> None:
        one.resolve("compare", {"data": one.resolve("data", {}, parent=PARENT)}, parent=PARENT)

    plan = rehearse(runner, command, PARENT)
    assert plan.open_ended
    assert plan.waiting["register"] == 1


def test_a_wrong_reference_is_refused_before_anything_is_run(make_pipeline: MakePipeline, tracker: Tracker) -> None:
    data = make_pipeline("data").run("data")
    pipeline = make_pipeline("finetune", train_run=data.id, **QUIET)
    with pytest.raises(ConfigError, match="a run of data; expected a run of train or finetune"):
        pipeline.run("finetune")
    assert set(_steps(tracker)) == {"data", "finetune"}


def test_a_training_of_many_steps_is_probed_and_said_to_end_earlier(make_pipeline: MakePipeline) -> None:
    runner = make_pipeline("train", train_steps="auto", most_train_steps=1000).runner
    plan = rehearse(runner, lambda one: one.resolve("train", {}, parent=PARENT), PARENT)
    assert plan.seconds["train"] > 0
    assert plan.at_most == {"train"}
    assert plan.most_steps == {"train": 1000}


def test_the_command_that_reads_the_data_has_the_result_on_its_own_run(
    make_pipeline: MakePipeline, tracker: Tracker
) -> None:
    run = make_pipeline("data").run("data")
    assert _steps(tracker) == Counter({"data": 1})
    assert tracker.client.get_run(run.id).data.tags.get("lds.reused") is None


def test_what_earlier_commands_that_had_nothing_to_do_took_says_nothing(
    make_pipeline: MakePipeline, tracker: Tracker
) -> None:
    for _ in range(7):
        make_pipeline("train").run("train")
    seconds = tracker.results.usual_seconds("train")
    assert seconds is not None
    assert seconds > 0


def test_a_training_that_was_not_probed_is_not_said_to_take_at_most_so_long(make_pipeline: MakePipeline) -> None:
    make_pipeline("train").run("train")
    runner = make_pipeline("train", train_steps="auto", most_train_steps=20).runner
    plan = rehearse(runner, lambda one: one.resolve("train", {}, parent=PARENT), PARENT)
    assert plan.seconds["train"] > 0
    assert plan.at_most == frozenset()


def test_what_the_division_of_the_data_rules_out_is_refused_before_a_plan(
    make_pipeline: MakePipeline, said: list[str]
) -> None:
    with pytest.raises(ConfigError, match="k_neighbours=500"):
        make_pipeline("evaluate", limit=24, k_neighbours=500).run("evaluate")
    assert not any(line.startswith("plan") for line in said)
