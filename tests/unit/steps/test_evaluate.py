from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import save_file

from lds_mlflow.config import EvaluateConfig
from lds_mlflow.data import load_digits
from lds_mlflow.errors import ConfigError
from lds_mlflow.machine.files import digest_of_file
from lds_mlflow.metrics import EvaluationSettings, RealExamples, train_classifier
from lds_mlflow.steps import evaluate
from lds_mlflow.tracking import tags
from tests.clip import clip_state
from tests.unit.steps.surroundings import WEIGHTS, GivenRun, KeptRun, digit_parts, surroundings


@pytest.fixture(scope="module")
def inputs() -> dict[str, GivenRun]:
    classifier = train_classifier(load_digits(), steps=2, seed=0).to_weights()
    return {
        "data": GivenRun("data", digit_parts()),
        "model": GivenRun("train", {"model": WEIGHTS}),
        "classifier": GivenRun("classifier", {"classifier": classifier}),
    }


@pytest.fixture(scope="module")
def evaluated(inputs: dict[str, GivenRun]) -> tuple[str, KeptRun]:
    """The sentence and the run of an evaluation by the part test."""
    context, own = surroundings(inputs)
    return evaluate.run(EvaluateConfig(bootstrap_replicates=100, sampler="prior"), context), own


def test_as_many_samples_as_held_out_images_are_measured(evaluated: tuple[str, KeptRun]) -> None:
    sentence, own = evaluated
    stored = own.values["evaluation_test"]
    assert (stored.part, stored.n_samples, stored.first_seed) == ("test", 24, 0)
    assert sentence.startswith(f"FID {stored.metrics['fid']:.3g} (")
    assert "; 24 samples of train train000, drawn from the prior" in sentence
    assert sentence.endswith(f"against test by {stored.extractor}")
    assert f"real examples {stored.metrics['floor_fid']:.3g})" in sentence


def test_by_clip_there_is_cmmd_beside_its_floor(inputs: dict[str, GivenRun], tmp_path: Path) -> None:
    save_file(clip_state(), tmp_path / "clip.safetensors")
    context, own = surroundings(inputs)
    config = EvaluateConfig(
        bootstrap_replicates=100, sampler="prior", features="clip", feature_weights=str(tmp_path / "clip.safetensors")
    )
    evaluate.run(config, context)
    stored = own.values["evaluation_test"]
    assert stored.extractor.startswith("clip-")
    assert stored.metrics["cmmd"] > stored.metrics["floor_cmmd"] > 0
    assert stored.intervals["cmmd"][0] <= stored.metrics["cmmd"] <= stored.intervals["cmmd"][1]
    assert "cmmd" in own.metrics


def test_the_figures_are_logged_with_how_quality_follows_the_density(evaluated: tuple[str, KeptRun]) -> None:
    _, own = evaluated
    stored = own.values["evaluation_test"]
    assert own.figures.items() >= stored.named().items()
    assert "sharpness_by_lds" in own.figures
    assert {"fid", "coverage", "floor_fid", "nearest_ratio"} <= set(own.metrics)
    assert not any("low" in name or "/" in name for name in own.metrics)
    assert len(own.metrics) <= 14
    assert (own.params["extractor"], own.tags[tags.PART]) == (stored.extractor, "test")


def test_an_evaluation_is_reported_with_pictures(evaluated: tuple[str, KeptRun]) -> None:
    (report,) = evaluated[1].reports
    pictures = {
        f"pictures/{name}.png"
        for name in (
            "samples",
            "real_test",
            "nearest_training",
            "closest_pairs",
            "tradeoff",
            "class_shares",
            "quality_by_lds",
        )
    }
    assert pictures <= {name for name, _ in report.pictures}
    assert all(f"({name})" in report.markdown() for name in pictures)
    assert "Evaluation of train train000" in report.markdown()


class _MeasuredError(Exception):
    """What was to be measured."""


@pytest.mark.parametrize("part", ["test", "select"])
def test_samples_are_measured_against_the_part_that_is_asked_for(
    inputs: dict[str, GivenRun], part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measure(samples: object, real: RealExamples, *, settings: EvaluationSettings, **others: Any) -> None:
        raise _MeasuredError(real, settings, others["judge"])

    monkeypatch.setattr(evaluate, "evaluate_samples", measure)
    parts = inputs["data"].values
    # What an evaluation by the part select reads has no part test.
    given = {name: value for name, value in parts.items() if name != "test" or part == "test"}
    context, _ = surroundings({**inputs, "data": GivenRun("data", given)})
    with pytest.raises(_MeasuredError) as caught:
        evaluate.run(EvaluateConfig(part=part, sample_seed=5, samples=10), context)
    real, settings, judge = caught.value.args
    assert (real.train, real.held_out) == (parts["train"], parts[part])
    assert real.further is (parts["select"] if part == "test" else None)
    assert (settings.part, settings.first_seed) == (part, 5)
    assert judge.name.startswith("classifier-")


def test_more_samples_than_held_out_images_are_refused(inputs: dict[str, GivenRun]) -> None:
    context, own = surroundings(inputs)
    with pytest.raises(ConfigError, match=r"samples: found 2,000 samples, but 24 images in the part test.*at most 24"):
        evaluate.run(EvaluateConfig(samples=2000), context)
    assert own.values == {}


def test_a_model_of_other_examples_is_not_evaluated(inputs: dict[str, GivenRun], first_number: GivenRun) -> None:
    context, own = surroundings({**inputs, "model": first_number})
    with pytest.raises(ConfigError, match="a model of vectors, with examples that are images"):
        evaluate.run(EvaluateConfig(), context)
    assert own.values == {}


def test_the_file_of_an_extractor_counts_as_read_from_outside(tmp_path: Path) -> None:
    path = tmp_path / "features.pt"
    path.write_bytes(b"a program")
    config = EvaluateConfig(features="program", feature_weights=str(path))
    assert evaluate.outside(config) == digest_of_file(path)
    assert evaluate.outside(EvaluateConfig()) == ""
