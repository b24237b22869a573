import pytest

from lds_mlflow.tracking import Tracker, tags
from lds_mlflow.tracking.heartbeat import Heartbeat


def test_a_run_says_when_its_process_was_alive_until_it_has_ended(tracker: Tracker) -> None:
    run = tracker.begin("train", parent=None, values={})
    heartbeat = Heartbeat(tracker.tracking_uri)
    heartbeat.watch(run)
    assert float(_seen(tracker, run.id)) > 0
    for ends in (False, True):
        tracker.client.set_tag(run.id, tags.SEEN, "0")
        if ends:
            run.end("FINISHED")
        heartbeat.beat()
        assert (_seen(tracker, run.id) == "0") is ends


def test_a_server_that_is_away_ends_no_heartbeat(tracker: Tracker) -> None:
    run = tracker.begin("train", parent=None, values={})
    heartbeat = Heartbeat(tracker.tracking_uri)
    heartbeat.watch(run)
    tracker.client.delete_run(run.id)
    heartbeat.beat()


def test_nothing_that_goes_wrong_ends_a_heartbeat(tracker: Tracker, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [tracker.begin("train", parent=None, values={}) for _ in range(2)]
    heartbeat = Heartbeat(tracker.tracking_uri)
    for run in runs:
        heartbeat.watch(run)
    asked: list[str] = []

    def fail(run_id: str, *_rest: str) -> None:
        asked.append(run_id)
        raise RuntimeError

    monkeypatch.setattr(heartbeat.client, "set_tag", fail)
    heartbeat.beat()
    assert set(asked) == {run.id for run in runs}


def _seen(tracker: Tracker, run_id: str) -> str:
    return str(tracker.client.get_run(run_id).data.tags[tags.SEEN])
