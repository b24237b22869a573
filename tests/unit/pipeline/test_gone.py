"""What a command does where results that it would reuse are gone, or cut short, or their records are."""

import re
import shutil

import pytest
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INTERNAL_ERROR, PERMISSION_DENIED

from lds_mlflow.errors import ArtifactError, ConfigError, GoneError, LdsError
from lds_mlflow.tracking import FinishedRun, Tracker, tags
from tests.conftest import MakePipeline
from tests.unit.pipeline.conftest import QUIET


@pytest.fixture
def tracking_uri(trained_store: str) -> str:
    return trained_store


def _run_of(tracker: Tracker, step: str) -> FinishedRun:
    found = tracker.client.search_runs([tracker.experiment_id], f"tags.`{tags.STEP}` = '{step}'")
    return tracker.open(found[0].info.run_id)


def _collect(tracker: Tracker, step: str) -> str:
    """Removes the record of a step's run for good, as `mlflow gc` does."""
    run_id = _run_of(tracker, step).id
    tracker.client._tracking_client.store._hard_delete_run(run_id)
    return run_id


def _own_artifacts(make_pipeline: MakePipeline, step: str) -> FinishedRun:
    """Makes a step's run once more, with artifacts in this test's own folder, which it may spoil."""
    return make_pipeline(step, reuse=False).run(step)


def _steps_that(said: list[str], word: str) -> list[str]:
    return [line.split()[0] for line in said if re.search(rf"\b[0-9a-f]{{8}} {word}\b", line.splitlines()[0])]


@pytest.mark.parametrize("step", ["train", "encode", "augment"])
def test_a_model_that_is_named_is_used_whatever_it_was_made_from_is_gone(
    make_pipeline: MakePipeline, tracker: Tracker, said: list[str], step: str
) -> None:
    model = _run_of(tracker, "finetune")
    lost = _collect(tracker, step)
    run = make_pipeline("sample", sampler="prior", model_run=model.id, count=2).run("sample")
    assert _steps_that(said, "done") == ["sample"]
    assert run.inputs[step] == lost
    said.clear()
    make_pipeline("sample", sampler="prior", model_run=model.id, count=2).run("sample")
    assert _steps_that(said, "reused") == ["sample"]


def test_examples_whose_record_is_gone_are_read_again_for_a_model_that_needs_them(
    make_pipeline: MakePipeline, tracker: Tracker, said: list[str]
) -> None:
    model = _run_of(tracker, "finetune")
    lost = _collect(tracker, "data")
    run = make_pipeline("sample", sampler="prior", model_run=model.id, count=2).run("sample")
    assert _steps_that(said, "done") == ["data", "sample"]
    assert any(line.startswith("gone") for line in said)
    assert any(line.startswith("gone") and lost in line for line in said)
    assert run.inputs["data"] != lost


def test_other_examples_do_not_stand_for_those_that_are_gone(make_pipeline: MakePipeline, tracker: Tracker) -> None:
    model = _run_of(tracker, "finetune")
    lost = _collect(tracker, "data")
    with pytest.raises(ConfigError, match=f"data run {lost}.*is gone.*Give the parameters"):
        make_pipeline("sample", sampler="prior", model_run=model.id, limit=100, count=2).run("sample")


def test_auto_makes_again_exactly_what_is_gone(make_pipeline: MakePipeline, tracker: Tracker, said: list[str]) -> None:
    _collect(tracker, "train")
    run = make_pipeline("finetune", **QUIET).run("finetune")
    assert _steps_that(said, "done") == ["train"]
    assert _steps_that(said, "reused") == ["data", "encode", "augment", "finetune"]
    # What needs the baseline reads the new one, which is equal.
    again = make_pipeline("augment", augmentation_ratio=0.2).run("augment")
    assert again.inputs["train"] == _run_of(tracker, "train").id != run.inputs["train"]


def test_artifacts_that_are_gone_are_missed_before_anything_reads_them(
    make_pipeline: MakePipeline, tracker: Tracker, said: list[str]
) -> None:
    spoilt = _own_artifacts(make_pipeline, "encode")
    with spoilt.folder("") as folder:
        shutil.rmtree(folder)
    said.clear()
    first = tracker.results.of_fingerprint(spoilt.entity.data.tags[tags.FINGERPRINT])
    assert [run.id == spoilt.id for run in first] == [True, False]
    run = make_pipeline("encode").run("encode")
    # An older run with the same result is still whole.
    assert run.id == first[1].id
    assert f"encode     run {spoilt.id[:8]} can't be reused: artifact latents is gone" in said
    assert not _steps_that(said, "done")


def test_a_file_that_was_cut_short_is_missed_by_its_size(make_pipeline: MakePipeline, said: list[str]) -> None:
    spoilt = make_pipeline("encode", train_seed=1).run("encode")
    with spoilt.folder("latents") as folder:
        tensors = folder / "tensors.safetensors"
        tensors.write_bytes(tensors.read_bytes()[:-1])
    said.clear()
    make_pipeline("encode", train_seed=1).run("encode")
    assert _steps_that(said, "done") == ["encode"]
    assert any(f"run {spoilt.id[:8]} can't be reused: artifact latents has" in line for line in said)


def test_a_run_that_is_named_is_refused_while_its_result_is_gone_and_used_once_that_is_restored(
    make_pipeline: MakePipeline, said: list[str]
) -> None:
    model = _own_artifacts(make_pipeline, "train")
    with model.folder("") as folder:
        aside = (folder / "model").rename(folder / "aside")
        said.clear()
        with pytest.raises(ArtifactError, match=rf"train_run={model.id}: found artifact model is gone.*give auto"):
            make_pipeline("encode", train_run=model.id, reuse=False).run("encode")
        assert said == []
        aside.rename(folder / "model")
    assert make_pipeline("encode", train_run=model.id, reuse=False).run("encode").inputs["train"] == model.id


def test_content_that_was_changed_is_found_when_it_is_read_and_made_again(
    make_pipeline: MakePipeline, tracker: Tracker, said: list[str]
) -> None:
    spoilt = make_pipeline("train", train_seed=1).run("train")
    with spoilt.folder("model") as folder:
        tensors = folder / "tensors.safetensors"
        content = tensors.read_bytes()
        tensors.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    said.clear()
    encoded = make_pipeline("encode", train_seed=1).run("encode")
    assert _steps_that(said, "done") == ["train", "encode"]
    assert any("another digest than its manifest states" in line for line in said if line.startswith("gone"))
    assert encoded.inputs["train"] != spoilt.id
    assert tracker.open(encoded.id).digest == encoded.digest
    # Whoever names it is told, before anything is computed.
    said.clear()
    with pytest.raises(ArtifactError, match=rf"train_run={spoilt.id}.*digest.*lds\.gone.*give auto"):
        make_pipeline("encode", train_run=spoilt.id).run("encode")
    assert said == []


def test_an_evaluation_that_is_gone_is_made_again_for_what_reads_many(
    make_pipeline: MakePipeline, tracker: Tracker, said: list[str]
) -> None:
    names = [_run_of(tracker, step).id for step in ("train", "finetune")]
    spoilt = make_pipeline("evaluate", sampler="prior", model_run=names[0]).run("evaluate")
    with spoilt.folder("evaluation_test") as folder:
        (folder / "manifest.json").write_text("{".ljust((folder / "manifest.json").stat().st_size))
    said.clear()
    compared = make_pipeline("compare", sampler="prior", runs=",".join(names)).run("compare")
    assert _steps_that(said, "done") == ["evaluate", "evaluate", "compare"]
    assert any(line.startswith("gone") for line in said)
    assert spoilt.id not in compared.inputs.values()


@pytest.mark.parametrize("code", [INTERNAL_ERROR, PERMISSION_DENIED])
def test_a_store_that_does_not_answer_is_not_taken_for_an_empty_one(
    make_pipeline: MakePipeline, said: list[str], monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def away(**where: str) -> None:
        raise MlflowException("no answer", error_code=code)

    monkeypatch.setattr("lds_mlflow.tracking.lineage.list_artifacts", away)
    with pytest.raises((MlflowException, LdsError), match="no answer") as caught:
        make_pipeline("train").run("train")
    assert not isinstance(caught.value, GoneError)
    assert said == []


def test_what_was_registered_is_registered_again_once_the_version_is_deleted(
    make_pipeline: MakePipeline, tracker: Tracker, said: list[str]
) -> None:
    settings = {"registered_model": "m", "served_sampler": "prior"}
    first = make_pipeline("register", **settings).run("register")
    assert first.version == "m/1"
    make_pipeline("register", **settings).run("register")
    assert "register" in _steps_that(said, "reused")
    tracker.client.delete_registered_model("m")
    said.clear()
    again = make_pipeline("register", **settings).run("register")
    assert tracker.registry.get("m", "challenger").run_id == again.id != first.id
    assert _steps_that(said, "done") == ["register"]


def test_register_without_a_name_registers_nothing(make_pipeline: MakePipeline, tracker: Tracker) -> None:
    run = make_pipeline("register", served_sampler="prior", **QUIET).run("register")
    assert tracker.client.search_registered_models() == []
    assert "not registered, since registered_model is none" in run.sentence


def test_a_model_is_named_by_the_address_that_it_is_registered_under(
    make_pipeline: MakePipeline, tracker: Tracker
) -> None:
    make_pipeline("register", registered_model="m", served_sampler="prior").run("register")
    for address in ("models:/m", "models:/m/1", "models:/m/latest", "models:/m@challenger"):
        run = make_pipeline("sample", sampler="prior", model_run=address, count=2).run("sample")
        assert run.inputs["model"] == _run_of(tracker, "finetune").id
