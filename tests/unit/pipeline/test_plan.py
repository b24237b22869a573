from collections import Counter
from typing import Any

from lds_mlflow.pipeline.plan import Plan


def _a_plan(**changes: Any) -> Plan:
    fields: dict[str, Any] = {
        "waiting": Counter({"train": 1, "finetune": 2}),
        "seconds": {"train": 300.0, "finetune": 30.0},
    }
    return Plan(**fields | changes)


def test_a_plan_says_what_will_run_where_and_how_long_each_run_takes() -> None:
    assert _a_plan(at_most=frozenset({"train"}), most_steps={"train": 5000}, reused=3).lines("cpu") == [
        "3 runs on cpu, about 6 min, reusing 3 runs of earlier commands",
        "  1 x train      at most 5 min (5,000 steps)",
        "  2 x finetune   about 30 s each",
    ]


def test_a_step_whose_time_is_not_known_makes_the_whole_a_lower_bound() -> None:
    head, *steps = _a_plan(seconds={"finetune": 30.0}).lines("cuda")
    assert head == "3 runs on cuda, at least 60 s"
    assert steps[0].endswith("not known yet")


def test_a_training_that_ends_by_itself_has_the_most_steps_it_takes_whether_or_not_its_time_is_known() -> None:
    most = {"train": 20_000}
    assert _a_plan(most_steps=most).lines("cuda")[1] == "  1 x train      about 5 min, at most 20,000 steps"
    assert _a_plan(seconds={}, most_steps=most).lines("cuda")[1].endswith("not known yet, at most 20,000 steps")


def test_a_plan_of_which_nothing_is_known_names_no_time() -> None:
    plan = _a_plan(seconds={})
    assert plan.lines("cpu")[0] == "3 runs on cpu"
    assert plan.after("train", 20.0) == ""
    assert plan.after("finetune", 20.0) == "~20 s left"


def test_time_that_is_left_at_least_is_said_as_such() -> None:
    plan = _a_plan(waiting=Counter({"train": 2, "register": 1}), seconds={})
    assert plan.after("train", 20.0) == ">20 s left"


def test_where_nothing_is_left_to_run_nothing_is_said() -> None:
    assert _a_plan(waiting=Counter(), reused=5).lines("cpu") == []


def test_what_a_run_took_is_what_the_next_one_of_its_step_is_expected_to_take() -> None:
    plan = _a_plan(at_most=frozenset({"train"}))
    assert plan.after("train", 100.0) == "~60 s left"
    assert plan.after("finetune", 200.0) == "~3 min left"
    assert plan.after("finetune", 200.0) == ""
    assert not plan.waiting


def test_a_run_that_was_not_planned_changes_no_count() -> None:
    plan = _a_plan()
    plan.after("promote", 1.0)
    assert plan.waiting == Counter({"train": 1, "finetune": 2})


def test_a_plan_that_depends_on_results_says_so() -> None:
    assert "what their results decide on" in _a_plan(open_ended=True).lines("cpu")[-1]
