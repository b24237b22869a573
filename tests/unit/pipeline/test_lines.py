import json
from collections import Counter

import pytest

from lds_mlflow.pipeline.lines import COLUMNS, StepLines
from lds_mlflow.pipeline.plan import Plan
from lds_mlflow.tracking import tags
from tests.unit.steps.surroundings import GivenRun

SENTENCE = f"FID 0.631 (0.304 to 0.955), {'and other figures, ' * 9}\nNote: Class skew."


def _run(step: str = "evaluate", **said: str) -> GivenRun:
    found = GivenRun(step)
    found.entity.data.tags.update({tags.SENTENCE: SENTENCE, **said})
    return found


@pytest.fixture
def lines(said: list[str]) -> StepLines:
    return StepLines(said.append)


def test_a_child_run_has_a_line_with_its_title_its_result_its_id_and_the_time_that_is_left(
    lines: StepLines, said: list[str]
) -> None:
    lines.plan = Plan(Counter({"evaluate": 2}), {})
    lines.done(_run(), "evaluate digits control test", 2.71, whole=False)
    (line, note), *_ = [text.splitlines() for text in said]
    assert line.startswith("evaluate digits control test: FID 0.631 (")
    assert line.endswith("…  evaluate done in 2.7 s, ~3 s left")
    assert (len(line), note) == (COLUMNS, "Note: Class skew.")


def test_without_a_plan_nothing_is_said_of_the_time_that_is_left(lines: StepLines, said: list[str]) -> None:
    lines.done(_run(), "evaluate digits", 2.71, whole=False)
    assert said[0].splitlines()[0].endswith("  evaluate done in 2.7 s")


@pytest.mark.parametrize(("step", "whole"), [("evaluate", True), ("data", False), ("compare", False)])
def test_the_sentence_of_a_command_s_own_run_of_the_data_and_of_a_comparison_is_shown_whole(
    lines: StepLines, said: list[str], step: str, whole: bool
) -> None:
    lines.reused(_run(step), step, whole=whole)
    assert SENTENCE in said[0]


def test_a_run_is_reported_once(lines: StepLines, said: list[str]) -> None:
    for _ in range(2):
        lines.reused(_run(), "evaluate digits", whole=False)
    assert len(said) == 1
    assert said[0].splitlines()[0].endswith("  evaluate reused")


def test_alarms_follow_the_line_also_where_a_run_is_reused(lines: StepLines, said: list[str]) -> None:
    lines.reused(_run(**{tags.ALARMS: json.dumps(["There are 12 examples in all."])}), "data", whole=False)
    assert said[1:] == ["Alarm: There are 12 examples in all."]
