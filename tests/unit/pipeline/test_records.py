import pytest

from lds_mlflow.pipeline.records import Ending, in_lines
from lds_mlflow.tracking import Tracker, tags


@pytest.mark.parametrize(("error", "status"), [(ValueError("too small"), "FAILED"), (KeyboardInterrupt(), "KILLED")])
def test_a_run_ends_with_what_left_its_block(tracker: Tracker, error: BaseException, status: str) -> None:
    run = tracker.begin("a run", parent=None, values={})
    with pytest.raises(type(error)), Ending(run):
        raise error
    found = tracker.client.get_run(run.id)
    assert found.info.status == status
    assert found.data.tags.get(tags.ERROR) == ("ValueError: too small" if status == "FAILED" else None)


def test_a_run_that_failed_does_not_tell_a_password(tracker: Tracker) -> None:
    run = tracker.begin("a run", parent=None, values={})
    with pytest.raises(ValueError, match="secret"), Ending(run):
        raise ValueError("no answer from http://me:secret@host")
    assert "secret" not in tracker.client.get_run(run.id).data.tags[tags.ERROR]


def test_a_run_that_has_ended_stays_as_it_ended(tracker: Tracker) -> None:
    run = tracker.begin("a run", parent=None, values={})
    run.end("FINISHED")
    with pytest.raises(ValueError, match="afterwards"), Ending(run):
        raise ValueError("afterwards")
    assert tracker.client.get_run(run.id).info.status == "FINISHED"


def test_lines_of_a_sentence_are_lines_in_markdown() -> None:
    assert in_lines("one\ntwo") == "one\n\ntwo"
