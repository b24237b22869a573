import shutil

import pytest
import torch

from lds_mlflow.errors import ArtifactError, GoneError, ProtocolError
from lds_mlflow.tracking import FinishedRun, Tracker, tags
from lds_mlflow.values import LatentSet, ModelWeights

LATENTS = LatentSet(torch.arange(6.0).reshape(2, 3), torch.zeros(2, 3), ("a", "b"))


@pytest.fixture
def run(tracker: Tracker) -> FinishedRun:
    begun = tracker.begin("encode", parent=None, values={tags.STEP: "encode", f"{tags.INPUT}train": "t1"})
    begun.log_value(LATENTS, "latents")
    begun.end("FINISHED")
    return tracker.open(begun.id)


def test_a_stored_value_comes_back(run: FinishedRun) -> None:
    loaded = run.load(LatentSet, "latents")
    assert torch.equal(loaded.z_ND, LATENTS.z_ND)
    assert loaded.ids_N == LATENTS.ids_N


def test_it_says_which_artifacts_it_has(run: FinishedRun) -> None:
    assert (run.has("latents"), run.has("model")) == (True, False)


def test_its_step_and_inputs_are_known(run: FinishedRun) -> None:
    assert (run.step, run.inputs) == ("encode", {"train": "t1"})
    assert run.link.startswith(f"[encode {run.id[:8]}](#/experiments/")


def test_a_value_of_another_kind_is_refused(run: FinishedRun) -> None:
    with pytest.raises(ArtifactError, match=r"a LatentSet of format 1.*a ModelWeights"):
        run.load(ModelWeights, "latents")


def test_an_artifact_that_is_sealed_is_refused_with_the_reason(run: FinishedRun) -> None:
    sealed = run.without("latents")
    for name in ("latents", "latents/", "./latents", "", "other/../latents/tensors"):
        with pytest.raises(ProtocolError, match=r"fits or chooses.*part select"):
            sealed.load(LatentSet, name)
    assert run.load(LatentSet, "latents").ids_N == LATENTS.ids_N
    assert run.without("model").load(LatentSet, "latents").ids_N == LATENTS.ids_N


def test_an_artifact_that_is_gone_is_named(run: FinishedRun) -> None:
    with run.folder("latents") as folder:
        shutil.rmtree(folder)
    with pytest.raises(GoneError, match=r"latents.*no such artifact.*give auto"):
        run.load(LatentSet, "latents")


def test_figures_of_the_test_part_are_sealed_with_it(tracker: Tracker) -> None:
    begun = tracker.begin("evaluate", parent=None, values={tags.STEP: "evaluate"})
    begun.log_metrics({"eval/classifier-1/fid": 1.0, "eval_select/classifier-1/fid": 2.0, "cost/seconds": 3.0})
    begun.end("FINISHED")
    run = tracker.open(begun.id)
    assert set(run.metrics) == {"eval/classifier-1/fid", "eval_select/classifier-1/fid", "cost/seconds"}
    assert run.without("test").metrics == {"eval_select/classifier-1/fid": 2.0, "cost/seconds": 3.0}
