import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag

from lds_mlflow.errors import ArtifactError, DiskFullError
from lds_mlflow.tracking import Tracker
from lds_mlflow.tracking.outbox import Outbox, batch, ending, files, inputs
from tests.conftest import little_room


@pytest.fixture
def run_id(tracker: Tracker) -> str:
    return tracker.begin("a run", parent=None, values={}).id


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox.new(tmp_path / "outbox", "http://host")


def test_an_outbox_that_nothing_was_put_in_is_not_on_the_disk(tmp_path: Path, outbox: Outbox) -> None:
    assert not outbox
    assert not (tmp_path / "outbox").exists()


def test_every_kind_of_entry_arrives_as_if_it_had_been_sent_at_once(
    tmp_path: Path, outbox: Outbox, run_id: str, tracker: Tracker
) -> None:
    folder = tmp_path / "folder"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "weights").write_bytes(b"\x00\xff")
    (tmp_path / "note.txt").write_text("ün")
    dataset = Dataset("faces", "12ab", "local", json.dumps({"uri": "here"}), None, "{}")
    outbox.put(batch(run_id, [Metric("loss", 0.1, 5, 1)], [Param("sigma", "0.5")], [RunTag("a", "b")]))
    outbox.put(files(run_id, folder, "model"))
    outbox.put(files(run_id, tmp_path / "note.txt", None))
    outbox.put(inputs(run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "train")])]))
    outbox.put(ending(run_id, "FINISHED", 1234))
    (tmp_path / "note.txt").write_text("changed since")
    assert len(outbox) == 5

    assert outbox.deliver(tracker.client) == 5
    run = tracker.client.get_run(run_id)
    (point,) = tracker.client.get_metric_history(run_id, "loss")
    assert (point.value, point.timestamp, point.step) == (0.1, 5, 1)
    assert (run.data.params["sigma"], run.data.tags["a"]) == ("0.5", "b")
    assert (run.info.status, run.info.end_time) == ("FINISHED", 1234)
    assert run.inputs is not None
    (logged,) = run.inputs.dataset_inputs
    assert (dict(logged.dataset), logged.tags[0].value) == (dict(dataset), "train")
    there = Path(tracker.client.download_artifacts(run_id, ""))
    assert (there / "model" / "inner" / "weights").read_bytes() == b"\x00\xff"
    assert (there / "note.txt").read_text() == "ün"
    assert not outbox
    assert not outbox.folder.exists()


def test_entries_are_delivered_in_order_also_by_another_process_later(
    tmp_path: Path, outbox: Outbox, run_id: str, tracker: Tracker
) -> None:
    for value in range(12):
        outbox.put(batch(run_id, [], [], [RunTag("last", str(value))]))
    assert Outbox.left_behind(tmp_path / "outbox") == []
    outbox.release()
    (found,) = Outbox.left_behind(tmp_path / "outbox")
    assert found.server == "http://host"
    found.put(batch(run_id, [], [], [RunTag("last", "added")]))
    assert found.deliver(tracker.client) == 13
    assert tracker.client.get_run(run_id).data.tags["last"] == "added"


def test_two_threads_of_one_process_share_it(outbox: Outbox, run_id: str) -> None:
    outbox.put(batch(run_id, [], [], []))
    with ThreadPoolExecutor(1) as pool:
        pool.submit(outbox.put, batch(run_id, [], [], [])).result(timeout=10)
    assert len(outbox) == 2


def test_an_entry_that_is_refused_stays_with_those_after_it(outbox: Outbox, run_id: str, tracker: Tracker) -> None:
    outbox.put(batch(run_id, [], [], [RunTag("a", "1")]))
    outbox.put(batch("0" * 32, [], [], [RunTag("a", "2")]))
    outbox.put(batch(run_id, [], [], [RunTag("a", "3")]))
    with pytest.raises(Exception, match="0000"):
        outbox.deliver(tracker.client)
    assert tracker.client.get_run(run_id).data.tags["a"] == "1"
    assert len(outbox) == 2


def test_an_entry_that_finds_no_room_is_an_error_and_leaves_no_half(
    tmp_path: Path, outbox: Outbox, run_id: str
) -> None:
    outbox.put(batch(run_id, [], [], []))
    large = tmp_path / "large"
    large.write_bytes(bytes(100_000))
    with little_room(), pytest.raises(DiskFullError):
        outbox.put(files(run_id, large, None))
    assert len(outbox) == 1


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"call": "delete_run", "run_id": "1", "values": {}}', "\x00", "[" * 99_999]
)
def test_a_damaged_entry_is_named_and_nothing_is_called(
    outbox: Outbox, run_id: str, tracker: Tracker, content: str
) -> None:
    outbox.put(batch(run_id, [], [], []))
    entry = outbox.folder / "00000001" / "entry.json"
    entry.write_text(content)
    with pytest.raises(ArtifactError, match=r"00000001.*Remove the folder"):
        outbox.deliver(tracker.client)


def test_an_entry_names_no_file_outside_its_folder(
    tmp_path: Path, outbox: Outbox, run_id: str, tracker: Tracker
) -> None:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "log").write_text("log")
    outbox.put(files(run_id, tmp_path / "log", None))
    entry = outbox.folder / "00000001" / "entry.json"
    entry.write_text(entry.read_text().replace('"log"', f'"{tmp_path / "secret"}"'))
    with pytest.raises(Exception, match="secret"):
        outbox.deliver(tracker.client)
    assert tracker.client.list_artifacts(run_id) == []


def test_what_a_process_that_was_killed_has_put_is_found(tmp_path: Path, run_id: str, tracker: Tracker) -> None:
    child = os.fork()
    if child == 0:
        try:
            Outbox.new(tmp_path / "outbox", "http://host").put(batch(run_id, [Metric("loss", 1.0, 1, 1)], [], []))
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    (found,) = Outbox.left_behind(tmp_path / "outbox")
    assert found.deliver(tracker.client) == 1
    assert tracker.client.get_run(run_id).data.metrics == {"loss": 1.0}
