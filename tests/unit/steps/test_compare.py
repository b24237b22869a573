from typing import Any

import pytest

from lds_mlflow.choices.figures import HEADLINES
from lds_mlflow.config import CompareConfig
from lds_mlflow.errors import DataError
from lds_mlflow.metrics import BETTER, WORSE, Comparison, compare_evaluations
from lds_mlflow.pictures.report import Report
from lds_mlflow.steps import compare
from lds_mlflow.tracking import tags
from tests.conftest import an_evaluation
from tests.unit.steps.surroundings import GivenRun, surroundings

CONFIG = CompareConfig(bootstrap_replicates=100)


REPORT = Report("A comparison")
METRICS = {name: 0.5 for figure in HEADLINES for name in (figure, f"floor_{figure}")}


@pytest.fixture(autouse=True)
def _undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "comparison_report", lambda *shown: REPORT)


def _evaluated(fid: float, **changes: Any) -> GivenRun:
    """A run of `evaluate` that has measured a FID."""
    intervals = dict.fromkeys(HEADLINES, (0.4, 0.6))
    found = an_evaluation(metrics=METRICS | {"fid": fid}, intervals=intervals, **changes)
    return GivenRun("evaluate", {f"evaluation_{found.part}": found}, params={"part": found.part})


def test_the_models_are_compared_in_the_order_that_they_are_named_in() -> None:
    context, own = surroundings({"old": _evaluated(1.25), "new": _evaluated(1.0)})
    sentence = compare.run(CONFIG, context)
    assert sentence.startswith("new has the lowest FID, 1 (4 samples, test): ")
    assert sentence.endswith(" old (1.25)")
    (row,) = own.tables["comparison.csv"].to_dict("records")
    assert (row["model"], row["reference"], row["name"]) == ("new", "old", "fid")
    assert row["difference"] == pytest.approx(-0.25)
    shown = [line.split() for line in own.texts["summary.txt"].splitlines()]
    assert shown[1][:3] == ["old", "1.25", "0.5"]
    assert shown[2][:4] == ["*", "new", "1", "0.5"]


def test_figures_of_each_model_and_of_each_pair_are_logged_beside_one_another() -> None:
    context, own = surroundings({"old": _evaluated(1.25), "new": _evaluated(1.0)})
    compare.run(CONFIG, context)
    assert (own.figures["old/fid"], own.figures["new/fid"]) == (1.25, 1.0)
    assert (own.figures["new/fid_low"], own.figures["new/fid_high"]) == (0.4, 0.6)
    assert own.figures["new against old/fid_difference"] == pytest.approx(-0.25)
    pair = {name.rsplit("/", 1)[1] for name in own.figures if "against" in name}
    assert pair == {"fid_difference", "fid_low", "fid_high", "fid_p"}
    assert own.reports == [REPORT]


def test_the_figures_of_the_winner_and_the_lowest_fids_are_listed() -> None:
    fids = {"a": 1.25, "b": 1.0, "c": 1.5, "d": 3.0, "e": 2.0}
    context, own = surroundings({label: _evaluated(fid) for label, fid in fids.items()})
    compare.run(CONFIG, context)
    assert (own.metrics["fid"], own.metrics["coverage"], own.metrics["floor_fid"]) == (1.0, 0.5, 0.5)
    listed = {name: fid for name, fid in own.metrics.items() if name.startswith("fid/")}
    assert listed == {"fid/b": 1.0, "fid/a": 1.25, "fid/c": 1.5, "fid/e": 2.0}
    assert own.params == {"extractor": "classifier-12ab"}


def test_what_was_measured_by_the_part_select_is_marked() -> None:
    by_select = _evaluated(1.25, part="select")
    context, own = surroundings({"old": by_select, "new": by_select})
    assert "(4 samples, select)" in compare.run(CONFIG, context)
    assert own.tags[tags.PART] == "select"


def test_a_comparison_of_what_was_measured_otherwise_is_refused() -> None:
    context, own = surroundings({"a": _evaluated(1.25), "b": _evaluated(1.25, first_seed=5)})
    with pytest.raises(DataError, match="sample seed 5 and 0"):
        compare.run(CONFIG, context)
    assert (own.metrics, own.tables, own.reports) == ({}, {}, [])


def test_a_model_that_had_not_converged_is_named_before_the_verdicts() -> None:
    old = _evaluated(1.25)
    old.entity.data.metrics["converged"] = 0.0
    context, _ = surroundings({"old": old, "new": _evaluated(1.0)})
    winner, convergence = compare.run(CONFIG, context).splitlines()
    assert winner.startswith("new has the lowest FID")
    assert convergence.startswith("baseline not converged (old): its training ended")


@pytest.mark.parametrize(
    ("verdict", "model", "said"), [(BETTER, "control", True), (WORSE, "control", False), (BETTER, "finetuned", False)]
)
def test_a_control_that_is_better_by_more_steps_alone_shows_that_the_baseline_had_not_converged(
    verdict: str, model: str, said: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def judged(*given: Any, **options: Any) -> list[Comparison]:
        return [row._replace(verdict=verdict) for row in compare_evaluations(*given, **options)]

    monkeypatch.setattr(compare, "compare_evaluations", judged)
    context, _ = surroundings({"baseline": _evaluated(1.25), model: _evaluated(1.0)})
    sentence = compare.run(CONFIG, context)
    assert sentence.endswith("baseline not converged: more steps without A still lower its FID (-0.25).") == said
