import shutil

import pytest
import torch

from lds_mlflow.errors import ArtifactError, GoneError, ProtocolError
from lds_mlflow.tracking import FinishedRun, Tracker, tags
from lds_mlflow.values import LatentSet, ModelWeights

LATENTS = LatentSet(torch.arange(6.0).reshape(2, 3), torch.zeros(2, 3), ("a", "b"))


@pytest.fixture
def run(tracker: Tracker) -> FinishedRun:
    begun = tracker.begin("encode", parent=None, values={tags.STEP: "encode"})
    begun.log_inputs({"train": ("t1", "12ab")})
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
    assert run.input_digests == {"train": "12ab"}
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


def _evaluated(tracker: Tracker, part: str) -> FinishedRun:
    begun = tracker.begin("evaluate", parent=None, values={tags.STEP: "evaluate", tags.PART: part})
    begun.log_figures({"fid": 1.0, "fid_low": 0.5, "class_fid/3": float("nan")}, listed=("fid", "kid"))
    begun.end("FINISHED")
    return tracker.open(begun.id)


def test_all_finite_figures_are_kept_and_some_of_them_listed(tracker: Tracker) -> None:
    run = _evaluated(tracker, "test")
    assert (run.figures, run.metrics) == ({"fid": 1.0, "fid_low": 0.5}, {"fid": 1.0})
    with run.folder("figures.json") as path:
        path.unlink()
    assert run.missing() == "artifact figures.json is gone"


def test_figures_of_the_test_part_are_sealed_with_it(tracker: Tracker) -> None:
    sealed = _evaluated(tracker, "test").without("test")
    assert (sealed.figures, sealed.metrics) == ({}, {})
    with pytest.raises(ProtocolError), sealed.folder("figures.json"):
        pass


def test_figures_of_the_part_select_are_not_sealed(tracker: Tracker) -> None:
    open_to_all = _evaluated(tracker, "select").without("test")
    assert (open_to_all.figures, open_to_all.metrics) == ({"fid": 1.0, "fid_low": 0.5}, {"fid": 1.0})


def test_what_many_runs_were_read_of_is_noted_whole(tracker: Tracker) -> None:
    read = {f"arm {number}-test": (f"{number:032x}", f"{number:064x}") for number in range(90)}
    begun = tracker.begin("ablate", parent=None, values={tags.STEP: "ablate", tags.FINGERPRINT: "f"})
    begun.log_inputs(read)
    begun.end("FINISHED")
    run = tracker.open(begun.id)
    assert run.inputs == {stem: run_id for stem, (run_id, _) in read.items()}
    assert run.input_digests == {stem: digest for stem, (_, digest) in read.items()}


def test_parameters_that_are_not_listed_are_known_too(tracker: Tracker) -> None:
    begun = tracker.begin("train", parent=None, values={tags.STEP: "train", tags.FINGERPRINT: "f"})
    begun.log_params({"train_steps": 40}, {"train_seed": 0, "reserve": "postgresql://me:secret@host/x"})
    begun.end("FINISHED")
    run = tracker.open(begun.id)
    assert run.entity.data.params == {"train_steps": "40"}
    assert (run.params["train_steps"], run.params["train_seed"]) == ("40", "0")
    assert "secret" not in str(run.entity.data.tags)
