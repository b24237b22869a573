import re
from pathlib import Path
from socket import gethostname
from typing import Any

import pytest
import torch

from lds_mlflow.errors import (
    ConfigError,
    Interrupted,
    SelectionError,
    TrackingError,
)
from lds_mlflow.machine.interrupts import Interruption
from lds_mlflow.pipeline import Pipeline
from lds_mlflow.tracking import FinishedRun, Tracker, tags
from lds_mlflow.values import ModelWeights
from tests.conftest import MakePipeline, tiny_configs
from tests.unit.pipeline.conftest import QUIET, artifacts


def _children(tracker: Tracker, parent: str) -> dict[str, str]:
    runs = tracker.client.search_runs([tracker.experiment_id], f"tags.`mlflow.parentRunId` = '{parent}'")
    return {run.data.tags[tags.STEP]: run.info.run_id for run in runs}


def _newest(tracker: Tracker) -> Any:
    return tracker.client.search_runs([tracker.experiment_id], order_by=["attributes.start_time DESC"])[0]


def _status(tracker: Tracker, run_id: str) -> str:
    return str(tracker.client.get_run(run_id).info.status)


def _weights(run: FinishedRun) -> dict[str, torch.Tensor]:
    return run.load(ModelWeights, "model").state


def test_finetune_on_an_empty_store_makes_what_it_needs_as_child_runs(
    make_pipeline: MakePipeline, tracker: Tracker
) -> None:
    run = make_pipeline("finetune", **QUIET).run("finetune")
    assert set(_children(tracker, run.id)) == {"data", "train", "encode", "augment"}
    assert {name: run.inputs[name] for name in ("data", "train", "encode", "augment")} == _children(tracker, run.id)


def test_a_second_call_reuses_everything_and_says_so(
    make_pipeline: MakePipeline, tracker: Tracker, said: list[str]
) -> None:
    first = make_pipeline("finetune", **QUIET).run("finetune")
    said.clear()
    second = make_pipeline("finetune", **QUIET).run("finetune")
    assert second.id == first.id
    assert sum(" reused" in line for line in said) == 5
    assert not any(" done in " in line for line in said)
    own = _newest(tracker)
    assert own.data.tags[tags.REUSED] == first.id
    assert own.data.metrics["select_reconstruction_mse"] == first.metrics["select_reconstruction_mse"]
    assert own.info.status == "FINISHED"


def test_reuse_false_runs_every_step_again_with_the_same_result(make_pipeline: MakePipeline, said: list[str]) -> None:
    first = make_pipeline("train").run("train")
    said.clear()
    second = make_pipeline("train", reuse=False).run("train")
    assert second.id != first.id
    assert not any("reused" in line for line in said)
    assert second.digest == first.digest


def test_what_a_command_has_made_itself_it_does_not_make_again(make_pipeline: MakePipeline, said: list[str]) -> None:
    make_pipeline("main", **QUIET).run("data")
    said.clear()
    runner = make_pipeline("main", reuse=False).runner
    first = runner.resolve("train", {}, parent="a" * 32)
    again = runner.resolve("train", {}, parent="a" * 32)
    other = runner.resolve("train", {}, parent="b" * 32)
    assert first.id == again.id != other.id
    # What a command has made is neither made nor reported twice; for another command it is made again.
    assert [" done in " in line for line in said if line.startswith("data")] == [True, True]


def test_a_change_of_sigma_runs_scoring_and_after_but_not_training(
    make_pipeline: MakePipeline, said: list[str]
) -> None:
    make_pipeline("finetune", **QUIET).run("finetune")
    said.clear()
    make_pipeline("finetune", sigma="0.5", **QUIET).run("finetune")
    reused = {line.split()[0] for line in said if re.search(r"\b[0-9a-f]{8} reused", line)}
    ran = {line.split()[0] for line in said if " done in " in line}
    assert (reused, ran) == ({"data", "train", "encode"}, {"augment", "finetune"})


def test_the_control_is_finetuned_without_augmentation(make_pipeline: MakePipeline) -> None:
    control = make_pipeline("finetune", augment_run="none", **QUIET).run("finetune")
    assert set(control.inputs) == {"data", "train"}
    assert "on train (72):" in control.sentence


def test_main_evaluates_the_baseline_the_control_and_the_finetuned_model(
    make_pipeline: MakePipeline, tracker: Tracker, said: list[str]
) -> None:
    run = make_pipeline("main", **QUIET).main()
    metrics = tracker.client.get_run(run.id).data.metrics
    fids = {model: metrics[f"fid/{model}"] for model in ("baseline", "control", "finetuned")}
    assert metrics["fid"] == min(fids.values())
    assert {"coverage", "floor_fid"} <= set(metrics)
    sentence = tracker.client.get_run(run.id).data.tags[tags.SENTENCE]
    winner, too_short = sentence.splitlines()
    assert too_short.startswith("baseline not converged (baseline, control, finetuned): ")
    others = {"baseline", "control", "finetuned"} - {winner.split(" has the lowest FID")[0]}
    assert len(others) == 2
    assert all(f"{other} (" in winner for other in others)
    table, winner_said = said[-2:]
    assert "FID beside the lowest" in table
    assert " ".join(winner_said.split()) == f"{winner}."
    assert max(map(len, winner_said.splitlines())) <= 80
    assert "pictures/comparison.png" in artifacts(tracker, run.id)
    note = tracker.client.get_run(run.id).data.tags["mlflow.note.content"]
    assert note.startswith(f"**{winner}.** [Report](#/experiments/")
    report = next(line for line in said if line.startswith("report "))
    assert Path(report.split()[1]).read_text().count("<img ") >= 5
    assert all(f"| {model} | " in note for model in ("real examples", "baseline", "control", "finetuned"))


def test_an_explicit_run_is_used_with_its_own_lineage(make_pipeline: MakePipeline) -> None:
    train = make_pipeline("train", train_seed=7).run("train")
    encode = make_pipeline("encode", train_run=train.id).run("encode")
    assert encode.inputs["train"] == train.id
    assert encode.inputs["data"] == train.inputs["data"]


def test_a_runs_address_is_a_run_too(make_pipeline: MakePipeline) -> None:
    train = make_pipeline("train").run("train")
    encode = make_pipeline("encode", train_run=f"runs:/{train.id}").run("encode")
    assert encode.inputs["train"] == train.id


def test_a_run_that_only_stands_for_another_leads_to_it(make_pipeline: MakePipeline, tracker: Tracker) -> None:
    first = make_pipeline("train").run("train")
    make_pipeline("train").run("train")
    assert tracker.open(_newest(tracker).info.run_id).id == first.id


def test_runs_of_two_lineages_are_refused(make_pipeline: MakePipeline) -> None:
    train = make_pipeline("train", train_seed=7).run("train")
    augment = make_pipeline("augment").run("augment")
    with pytest.raises(ConfigError, match="the same upstream runs"):
        make_pipeline("finetune", augment_run=augment.id, train_run=train.id, **QUIET).run("finetune")


def test_a_run_of_another_step_is_refused(make_pipeline: MakePipeline) -> None:
    data = make_pipeline("data").run("data")
    with pytest.raises(ConfigError, match=r"a run of data.*expected a run of train"):
        make_pipeline("encode", train_run=data.id).run("encode")


def test_an_unknown_run_is_named_before_anything_is_computed(make_pipeline: MakePipeline, said: list[str]) -> None:
    with pytest.raises(TrackingError, match="run 0123456789abcdef"):
        make_pipeline("encode", train_run="0123456789abcdef").run("encode")
    assert said == []


@pytest.mark.parametrize("parameter", ["train_run", "encode_run", "data_run", "model_run"])
def test_an_input_that_is_needed_can_not_be_left_out(make_pipeline: MakePipeline, parameter: str) -> None:
    with pytest.raises(ConfigError, match=f"{parameter}=none: should name a run"):
        make_pipeline("evaluate", **{parameter: "none"})


def test_an_unfinished_run_is_refused(make_pipeline: MakePipeline, tracker: Tracker) -> None:
    run = tracker.begin("train", parent=None, values={tags.STEP: "train"})
    with pytest.raises(TrackingError, match="status RUNNING"):
        make_pipeline("encode", train_run=run.id).run("encode")


def test_a_failed_step_fails_its_run_and_its_parent_and_says_why(make_pipeline: MakePipeline, tracker: Tracker) -> None:
    with pytest.raises(SelectionError):
        make_pipeline("finetune", selection="paper", tau=0.999, **QUIET).run("finetune")
    runs = tracker.client.search_runs([tracker.experiment_id])
    failed = {run.data.tags[tags.STEP]: run for run in runs if run.info.status == "FAILED"}
    assert set(failed) == {"finetune", "augment"}
    assert "feasible tau" in failed["augment"].data.tags[tags.ERROR]
    assert "feasible tau" in failed["finetune"].data.tags["mlflow.note.content"]
    assert not any(run.info.status == "RUNNING" for run in runs)


class _StopsAtOnce(Interruption):
    def __enter__(self) -> "_StopsAtOnce":
        super().__enter__()
        self._signum = 15
        return self


def test_a_stopped_training_is_killed_keeps_its_checkpoint_and_resumes_bitwise(
    make_pipeline: MakePipeline, tracker: Tracker, tmp_path: Path, said: list[str]
) -> None:
    whole = make_pipeline("train", work_dir=tmp_path / "other").run("train")
    configs = tiny_configs("train", {"work_dir": tmp_path / "work", "reuse": False})
    with _StopsAtOnce() as interruption, pytest.raises(Interrupted):
        Pipeline(configs, tracker, interruption, said.append).run("train")
    runs = tracker.client.search_runs([tracker.experiment_id], f"tags.`{tags.STEP}` = 'train'")
    assert sorted(run.info.status for run in runs) == ["FINISHED", "KILLED"]
    assert len(list((tmp_path / "work" / "checkpoints").glob("train-*.pt"))) == 1
    resumed = make_pipeline("train", reuse=False).run("train")
    assert any("going on from the checkpoint" in line for line in said)
    assert all(torch.equal(value, _weights(whole)[name]) for name, value in _weights(resumed).items())
    history = tracker.client.get_metric_history(resumed.id, "loss")
    assert [point.step for point in history] == [8]
    assert not list((tmp_path / "work" / "checkpoints").glob("*.pt"))


def test_runs_whose_process_was_killed_are_marked_so_by_the_next_command(
    make_pipeline: MakePipeline, tracker: Tracker
) -> None:
    here = {tags.PROCESS: f"{gethostname()} {2**22 + 1} 0"}
    elsewhere = {tags.PROCESS: f"another-machine {2**22 + 1} 0"}
    dead = tracker.begin("finetune", parent=None, values=here)
    orphan = tracker.begin("train", parent=dead.id, values=here)
    alive = tracker.begin("train", parent=None, values={})
    far = tracker.begin("train", parent=None, values=elsewhere)
    make_pipeline("data").run("data")
    assert [_status(tracker, run.id) for run in (dead, orphan, alive, far)] == [
        "KILLED",
        "KILLED",
        "RUNNING",
        "RUNNING",
    ]


def test_a_gpu_that_is_not_there_is_named(make_pipeline: MakePipeline) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(ConfigError, match="device=cpu"):
        make_pipeline("train", device="cuda:3")
