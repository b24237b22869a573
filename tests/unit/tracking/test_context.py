from pathlib import Path

from lds_mlflow.machine.interrupts import Interruption
from lds_mlflow.machine.ranks import ALONE
from lds_mlflow.tracking import FinishedRun, Tracker, tags
from lds_mlflow.tracking.context import Context


def _context(tracker: Tracker, inputs: dict[str, FinishedRun]) -> Context:
    return Context(
        run=tracker.begin("evaluate", parent=None, values={}),
        inputs=inputs,
        device="cpu",
        ranks=ALONE,
        fingerprint="12ab",
        checkpoint_path=Path("checkpoint"),
        cache_path=None,
        checkpoint_every=1,
        interruption=Interruption(),
        say=lambda line: None,
    )


def _finished(tracker: Tracker, step: str) -> FinishedRun:
    run = tracker.begin(step, parent=None, values={tags.STEP: step})
    run.end("FINISHED")
    return tracker.open(run.id)


def test_the_lineage_has_a_link_to_every_run_and_none_twice_to_that_of_the_model(tracker: Tracker) -> None:
    data, train = _finished(tracker, "data"), _finished(tracker, "train")
    lineage = _context(tracker, {"data": data, "train": train, "model": train}).lineage
    assert lineage == f"Made from: {data.link}, {train.link}."


def test_what_was_made_from_nothing_has_no_lineage(tracker: Tracker) -> None:
    assert _context(tracker, {}).lineage == ""


def test_of_many_runs_the_first_twenty_are_named_and_the_rest_counted(tracker: Tracker) -> None:
    run = _finished(tracker, "evaluate")
    lineage = _context(tracker, {f"arm-{number}": run for number in range(25)}).lineage
    assert lineage.count(run.link) == 20
    assert lineage.endswith(" and 5 more.")
