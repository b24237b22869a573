"""Another kind of examples and another kind of model go all the way: two entries in tables are all that they take."""

from pathlib import Path
from typing import Any

import pytest
import torch

from lds_mlflow.choices import Choice
from lds_mlflow.choices.domain_figures import DOMAIN_FIGURES
from lds_mlflow.config import ServeConfig
from lds_mlflow.domains import DOMAINS
from lds_mlflow.errors import ArtifactError, ConfigError, DataError
from lds_mlflow.models import AUTOENCODERS, Codec, open_model
from lds_mlflow.tracking import FinishedRun, Tracker, tags
from lds_mlflow.tracking.server import Service
from lds_mlflow.values import AugmentationSet, Evaluation, ExampleSet, LatentSet, ModelWeights
from tests.asgi import rows_answered
from tests.conftest import MakePipeline
from tests.vectors import LinearAutoencoder, Vectors

DATA = {"data": "vectors:digits", "limit": 400}


@pytest.fixture(autouse=True)
def _two_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DOMAINS, Vectors.name, Vectors())
    monkeypatch.setitem(DOMAIN_FIGURES, Vectors.name, Choice("what is inked", "tests.vectors:further_figures"))
    monkeypatch.setitem(AUTOENCODERS, LinearAutoencoder.kind, LinearAutoencoder)


@pytest.fixture
def model(make_pipeline: MakePipeline, tracker: Tracker) -> str:
    """The run of a model that was made elsewhere: as a run of train, from the run of the data."""
    data = make_pipeline("data", **DATA).run("data")
    train = data.load(ExampleSet, "train").examples_N
    run = tracker.begin("train", parent=None, values={tags.STEP: "train"})
    run.log_inputs({"data": (data.id, data.digest)})
    run.log_value(LinearAutoencoder.fitted(train, 6).to_weights(), "model")
    run.end("FINISHED")
    return run.id


def _artifacts(tracker: Tracker, run: FinishedRun, folder: str = "") -> set[str]:
    return {entry.path for entry in tracker.client.list_artifacts(run.id, folder)}


def test_vectors_are_read_divided_and_shown(make_pipeline: MakePipeline, tracker: Tracker) -> None:
    data = make_pipeline("data", **DATA).run("data")
    assert "digits as vectors: 400 vectors of 64 numbers, 10 classes" in data.sentence
    parts = [data.load(ExampleSet, part) for part in ("train", "select", "test")]
    assert {(part.domain, part.examples_N.dtype) for part in parts} == {("vectors", torch.float32)}
    assert sum(map(len, parts)) == 400
    assert {"pictures/real.png", "pictures/real"} <= _artifacts(tracker, data, "pictures")
    assert _artifacts(tracker, data, "pictures/real") == {"pictures/real/vectors.txt"}


def test_a_linear_model_encodes_augments_is_evaluated_compared_and_sampled(
    make_pipeline: MakePipeline, tracker: Tracker, model: str
) -> None:
    encoded = make_pipeline("encode", **DATA, train_run=model).run("encode")
    latents = encoded.load(LatentSet, "latents")
    assert latents.z_ND.shape[1] == 6
    assert latents.log_variance_ND is None
    made = make_pipeline("augment", **DATA, encode_run=encoded.id).run("augment").load(AugmentationSet, "augmentation")
    codec = Codec(open_model(tracker.open(model).load(ModelWeights, "model")), Vectors.scale)
    assert made.z_AD is not None
    assert torch.equal(made.examples_A, codec.decode(made.z_AD))
    by_density, by_prior = (
        make_pipeline("evaluate", **DATA, model_run=model, sampler=sampler).run("evaluate")
        for sampler in ("density", "prior")
    )
    figures = by_density.load(Evaluation, "evaluation_test")
    assert figures.extractor.startswith("nearest-mean-")
    assert {"fid", "coverage", "norm", "class_share_gap"} <= set(figures.metrics)
    _assert_further_figures_and_files(tracker, by_density, by_prior)
    compared = make_pipeline("compare", **DATA, runs=f"prior={by_prior.id},density={by_density.id}").run("compare")
    assert ": better than " in compared.sentence
    samples = make_pipeline("sample", **DATA, model_run=model, count=3).run("sample")
    assert _artifacts(tracker, samples, "samples") == {f"samples/00000{seed}.csv" for seed in range(3)}


def _assert_further_figures_and_files(tracker: Tracker, by_density: FinishedRun, by_prior: FinishedRun) -> None:
    figures = by_density.load(Evaluation, "evaluation_test")
    assert {"inked", "floor_inked"} <= set(figures.metrics)
    assert figures.metrics["drawn"] == 2
    assert by_prior.load(Evaluation, "evaluation_test").metrics["drawn"] == 0
    assert len(figures.intervals["inked"]) == 2
    report = Path(tracker.client.download_artifacts(by_density.id, "report.md")).read_text()
    assert "*What is inked*" in report
    assert "Vectors have no pixels" in report
    assert "(pictures/samples/vectors.txt)" in report
    assert _artifacts(tracker, by_density, "pictures/nearest_training") == {
        f"pictures/nearest_training/{group}" for group in ("sample", "nearest_training")
    }


def test_a_linear_model_is_registered_and_served(make_pipeline: MakePipeline, tracker: Tracker, model: str) -> None:
    make_pipeline("register", **DATA, model_run=model, registered_model="vectors").run("register")
    app = Service(ServeConfig(model="models:/vectors@challenger"), print)
    answers = [rows_answered(app, {"dataframe_records": [{"seed": seed} for seed in seeds]}) for seeds in ([3, 4], [4])]
    assert [row["seed"] for row in answers[0]] == [3, 4]
    assert len(answers[0][1]["vector"]) == 64
    assert answers[0][1] == answers[1][0]


def test_an_ablation_of_a_model_that_can_not_be_trained_has_the_arms_that_remain(
    make_pipeline: MakePipeline, tracker: Tracker, said: list[str], model: str
) -> None:
    arms = "lds,exemplar,sample-gaussian,sample-density"
    settings = {"seeds": 2, "workers": 1, "bootstrap_replicates": 100}
    ablated = make_pipeline("ablate", **DATA, train_run=model, arms=arms, **settings).run("ablate")
    assert any("this model can't be trained" in line for line in said)
    evaluated = {name.rsplit("-", 2)[0] for name in ablated.inputs if name.endswith("-test")}
    assert evaluated == {"baseline", "control", "sample-gaussian", "sample-density"}
    control, baseline = (tracker.open(ablated.inputs[f"{arm}-0-test"]) for arm in ("control", "baseline"))
    assert control.digest == baseline.digest
    assert {"paper/claims.md", "paper/figure1_pipeline.png"} <= _artifacts(tracker, ablated, "paper")


def test_training_and_finetuning_refuse_it_in_a_sentence(make_pipeline: MakePipeline, model: str) -> None:
    with pytest.raises(ArtifactError, match="kind linear, which can only encode and decode"):
        make_pipeline("finetune", **DATA, train_run=model, augment_run="none", registered_model="none").run("finetune")
    with pytest.raises(ConfigError, match="the project can train no other model yet"):
        make_pipeline("train", **DATA).run("train")


@pytest.mark.parametrize(
    ("step", "changes", "says"),
    [
        ("augment", {"source": "mixup"}, "images, whose pixels this source changes"),
        ("augment", {"sharpest_fraction": 0.5}, "vectors, which have no sharpness"),
        ("evaluate", {"features": "inception"}, "one of classifier"),
    ],
)
def test_what_only_images_have_is_refused_in_a_sentence(
    make_pipeline: MakePipeline, model: str, step: str, changes: dict[str, Any], says: str
) -> None:
    named = {"encode_run": make_pipeline("encode", **DATA, train_run=model).run("encode").id}
    given = named if step == "augment" else {"model_run": model}
    with pytest.raises((ConfigError, DataError), match=says):
        make_pipeline(step, **DATA, **given, **changes).run(step)


def test_a_model_of_images_is_refused_with_vectors(
    make_pipeline: MakePipeline, tracker: Tracker, tmp_path: Path
) -> None:
    images = make_pipeline("train").run("train")
    data = make_pipeline("data", **DATA).run("data")
    run = tracker.begin("train", parent=None, values={tags.STEP: "train"})
    run.log_inputs({"data": (data.id, data.digest)})
    run.log_value(images.load(ModelWeights, "model"), "model")
    run.end("FINISHED")
    with pytest.raises(ConfigError, match="a model of images, with examples that are vectors"):
        make_pipeline("encode", **DATA, train_run=run.id).run("encode")
