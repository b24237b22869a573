import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INTERNAL_ERROR, PERMISSION_DENIED, TEMPORARILY_UNAVAILABLE

from lds_mlflow.errors import GoneError
from lds_mlflow.pictures.report import Report
from lds_mlflow.tracking import FinishedRun, Tracker, tags
from lds_mlflow.values import LatentSet

LATENTS = LatentSet(torch.arange(6.0).reshape(2, 3), torch.zeros(2, 3), ("a", "b"))


def _finished(tracker: Tracker, fingerprint: str = "f", **more: str) -> FinishedRun:
    values = {tags.STEP: "encode", tags.FINGERPRINT: fingerprint, **more}
    begun = tracker.begin("encode", parent=None, values=values)
    begun.log_value(LATENTS, "latents")
    begun.end("FINISHED")
    return tracker.open(begun.id)


def _forget(tracker: Tracker, run_id: str) -> None:
    """Removes a record for good, as `mlflow gc` does."""
    tracker.client._tracking_client.store._hard_delete_run(run_id)


def test_only_a_finished_run_is_found_by_its_fingerprint(tracker: Tracker) -> None:
    for status in ("FAILED", "KILLED"):
        tracker.begin("train", parent=None, values={tags.FINGERPRINT: "f"}).end(status)
    tracker.begin("train", parent=None, values={tags.FINGERPRINT: "f"})
    assert tracker.results.of_fingerprint("f") == []
    done = tracker.begin("train", parent=None, values={tags.FINGERPRINT: "f"})
    done.end("FINISHED")
    assert [run.id for run in tracker.results.of_fingerprint("f")] == [done.id]
    assert tracker.results.of_fingerprint("g") == []


def test_a_run_that_stands_for_another_and_one_that_was_deleted_are_not_found(tracker: Tracker) -> None:
    _finished(tracker, "f", **{tags.REUSED: _finished(tracker, "other").id})
    deleted = _finished(tracker)
    tracker.client.delete_run(deleted.id)
    assert tracker.results.of_fingerprint("f") == []


def test_an_equal_result_is_found_whatever_it_was_made_by_while_it_is_whole(tracker: Tracker) -> None:
    one, other = _finished(tracker), _finished(tracker, "g")
    assert one.digest == other.digest
    found = tracker.results.equal_to(one.digest)
    assert found is not None
    assert found.id == other.id
    for run in (one, other):
        with run.folder("") as folder:
            shutil.rmtree(folder)
    assert Tracker.connect().results.equal_to(one.digest) is None


def _remove_everything(folder: Path) -> None:
    shutil.rmtree(folder)


def _remove_the_tensors(folder: Path) -> None:
    (folder / "latents" / "tensors.safetensors").unlink()


def _empty_a_file(folder: Path) -> None:
    (folder / "latents" / "tensors.safetensors").write_bytes(b"")


def _rename(folder: Path) -> None:
    (folder / "latents").rename(folder / "old")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (_remove_everything, "artifact latents is gone"),
        (_rename, "artifact latents is gone"),
        (_remove_the_tensors, "artifact latents has .* bytes of"),
        (_empty_a_file, "artifact latents has .* bytes of"),
    ],
)
def test_what_is_missing_is_seen_by_names_and_sizes(
    tracker: Tracker, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Path], None], says: str
) -> None:
    run = _finished(tracker)
    assert Tracker.connect().results.missing(run) == ""
    with run.folder("") as folder:
        spoil(folder)
    monkeypatch.setattr("lds_mlflow.tracking.lineage.download_artifacts", lambda **where: pytest.fail("it downloads"))
    with pytest.raises(AssertionError, match=says):
        assert tracker.results.missing(run) == "", tracker.results.missing(run)


def test_a_report_counts_among_what_a_run_has_made_and_a_picture_does_not(tracker: Tracker) -> None:
    begun = tracker.begin("compare", parent=None, values={tags.FINGERPRINT: "f"})
    begun.log_report(Report("What came out"))
    begun.log_text("a note", "note.txt")
    begun.end("FINISHED")
    run = tracker.open(begun.id)
    with run.folder("") as folder:
        (folder / "note.txt").unlink()
        assert run.missing() == ""
        (folder / "report.md").unlink()
    assert run.missing() == "artifact report.md is gone"


def test_a_run_of_a_record_that_is_gone_is_known_by_what_another_read_of_it(tracker: Tracker) -> None:
    gone = _finished(tracker)
    reader = _finished(tracker, "g", **{tags.INPUTS: json.dumps({"encode": (gone.id, gone.digest)})})
    assert tracker.results.upstream(reader, "encode").digest == gone.digest
    _forget(tracker, gone.id)
    lost = tracker.results.upstream(reader, "encode")
    assert (lost.id, lost.step, lost.digest) == (gone.id, "encode", gone.digest)
    assert tracker.results.missing(lost) == "its record is gone"
    for read in (
        lambda: lost.load(LatentSet, "latents"),
        lambda: lost.without("test").load(LatentSet, "latents"),
        lambda: lost.params["data"],
        lambda: lost.metrics["classes"],
        lambda: lost.inputs["data"],
    ):
        with pytest.raises(GoneError, match=f"run {gone.id}.*record.*is gone"):
            read()


def test_what_could_not_be_read_is_given_up_once_and_noted_for_others(tracker: Tracker) -> None:
    run = _finished(tracker)
    error = GoneError.of(run.id, "artifact latents", found="another digest")
    assert tracker.results.give_up(error)
    assert not tracker.results.give_up(error)
    other = Tracker.connect().results
    assert other.missing(*other.of_fingerprint("f")) == "artifact latents can't be read: another digest"
    assert tracker.results.give_up(GoneError.of("0" * 32, "run", found="no record"))


def test_the_error_of_what_is_gone_survives_the_way_to_another_process() -> None:
    error = GoneError.of("r1", "artifact latents", found="nothing")
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), again.run_id, str(again)) == (GoneError, "r1", str(error))


@pytest.mark.parametrize("code", [INTERNAL_ERROR, PERMISSION_DENIED, TEMPORARILY_UNAVAILABLE])
def test_a_record_that_the_store_does_not_show_is_not_taken_for_gone(
    tracker: Tracker, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    reader = _finished(tracker, "f", **{tags.INPUTS: json.dumps({"encode": ("e1", "12ab")})})

    def away(run_id: str) -> None:
        raise MlflowException("no answer", error_code=code)

    monkeypatch.setattr(tracker.client, "get_run", away)
    with pytest.raises(MlflowException, match="no answer"):
        tracker.results.upstream(reader, "encode")
    with pytest.raises(MlflowException, match="no answer"):
        tracker.open(reader.id)


def test_an_outage_while_an_artifact_is_read_stays_an_outage(tracker: Tracker, monkeypatch: pytest.MonkeyPatch) -> None:
    run = _finished(tracker)

    def away(**where: object) -> None:
        raise ConnectionError("no answer")

    monkeypatch.setattr("lds_mlflow.tracking.lineage.download_artifacts", away)
    with pytest.raises(ConnectionError, match="no answer"):
        run.load(LatentSet, "latents")
    shutil.rmtree(run.entity.info.artifact_uri.removeprefix("file://"))
    monkeypatch.setattr("lds_mlflow.tracking.lineage.list_artifacts", away)
    with pytest.raises(ConnectionError, match="no answer"):
        run.load(LatentSet, "latents")


def _delete_the_model(tracker: Tracker, folder: Path) -> None:
    tracker.client.delete_registered_model("m")


def _delete_the_version(tracker: Tracker, folder: Path) -> None:
    tracker.client.delete_model_version("m", "1")


def _register_another(tracker: Tracker, folder: Path) -> None:
    tracker.client.delete_registered_model("m")
    _register(tracker, folder, run_id=_finished(tracker, "another").id)


def _take_the_alias(tracker: Tracker, folder: Path) -> None:
    tracker.client.delete_registered_model_alias("m", "challenger")


def _remove_the_files(tracker: Tracker, folder: Path) -> None:
    shutil.rmtree(folder)


def _register(tracker: Tracker, folder: Path, run_id: str) -> None:
    tracker.client.create_registered_model("m")
    tracker.client.create_model_version("m", folder.as_uri(), run_id)
    tracker.client.set_registered_model_alias("m", "challenger", "1")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (_delete_the_model, "version 1 of the registered model m is gone"),
        (_delete_the_version, "version 1 of the registered model m is gone"),
        (_register_another, "version 1 of the registered model m is gone"),
        (_take_the_alias, "no version of the registered model m has the alias challenger"),
        (_remove_the_files, "the files of version 1 of the registered model m are gone"),
    ],
)
def test_a_version_that_a_run_says_it_registered_is_looked_up(
    tracker: Tracker, tmp_path: Path, spoil: Callable[[Tracker, Path], None], says: str
) -> None:
    folder = tmp_path / "registered"
    folder.mkdir()
    (folder / "MLmodel").write_text("")
    run = _finished(tracker, "f", **{tags.VERSION: "m/1"})
    _register(tracker, folder, run.id)
    assert tracker.results.missing(run) == ""
    spoil(tracker, folder)
    assert tracker.results.missing(run) == says
