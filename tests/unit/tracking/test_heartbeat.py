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


def _seen(tracker: Tracker, run_id: str) -> str:
    return str(tracker.client.get_run(run_id).data.tags[tags.SEEN])
