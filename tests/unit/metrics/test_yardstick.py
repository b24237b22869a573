from dataclasses import replace

import pytest
import torch

from lds_mlflow.choices.figures import COPIES, FIGURES
from lds_mlflow.data import load_digits
from lds_mlflow.errors import DataError
from lds_mlflow.metrics import (
    ClassifierExtractor,
    EvaluationSettings,
    RealExamples,
    Yardstick,
    evaluate_samples,
    train_classifier,
)
from lds_mlflow.values import ExampleSet

N = 150
OF_ALL_KINDS = [name for name, figure in FIGURES.items() if figure.family not in ("domain", "extractor")]
NAMES = [name for name in OF_ALL_KINDS if name not in ("fid_infinity", "vendi", "sharpness", "qed")]


@pytest.fixture(scope="module")
def parts() -> list[ExampleSet]:
    """Training examples, held-out examples and samples."""
    digits = load_digits()
    order = torch.randperm(len(digits), generator=torch.Generator().manual_seed(0))
    return [digits.take(part) for part in order[: 3 * N].split(N)]


@pytest.fixture(scope="module")
def judge(parts: list[ExampleSet]) -> ClassifierExtractor:
    return ClassifierExtractor(train_classifier(parts[0], steps=80, seed=0).to_weights())


@pytest.fixture(scope="module")
def yardstick(parts: list[ExampleSet], judge: ClassifierExtractor) -> Yardstick:
    return Yardstick.of(RealExamples(parts[0], parts[1]), extractor=judge, judge=judge, k=5)


def test_every_single_figure_is_that_of_an_evaluation(
    parts: list[ExampleSet], judge: ClassifierExtractor, yardstick: Yardstick
) -> None:
    samples = parts[2].examples_N
    settings = EvaluationSettings(replicates=100)
    real = RealExamples(parts[0], parts[1])
    whole = evaluate_samples(samples, real, extractor=judge, judge=judge, settings=settings)
    for name in NAMES:
        assert yardstick.measure(samples, [name]) == {name: whole.evaluation.metrics[name]}, name


def test_figures_come_in_the_order_that_they_were_asked_for(parts: list[ExampleSet], yardstick: Yardstick) -> None:
    assert list(yardstick.measure(parts[2].examples_N, ["coverage", "fid"])) == ["coverage", "fid"]


def test_reconstructions_are_measured_as_those_of_an_evaluation_are(
    parts: list[ExampleSet], judge: ClassifierExtractor, yardstick: Yardstick
) -> None:
    # Examples of half the brightness stand for what a decoder makes of the held-out ones.
    reconstructions = parts[1].examples_N // 2
    whole = evaluate_samples(
        parts[2].examples_N,
        RealExamples(parts[0], parts[1]),
        extractor=judge,
        reconstructions_N=reconstructions,
        settings=EvaluationSettings(replicates=100),
    )
    found = yardstick.measure_reconstructions(reconstructions)
    assert set(found) == {"reconstructed_nearest_ratio", "reconstructed_tail_share"}
    assert found.items() <= whole.evaluation.metrics.items()
    assert found["reconstructed_nearest_ratio"] == yardstick.measure(reconstructions, COPIES)["nearest_ratio"]
    assert found["reconstructed_nearest_ratio"] != whole.evaluation.metrics["nearest_ratio"]


def test_what_examples_without_classes_do_not_have_is_left_out(
    parts: list[ExampleSet], judge: ClassifierExtractor
) -> None:
    held_out, train = (replace(part, labels_N=None, class_names_K=()) for part in parts[:2])
    bare = Yardstick.of(RealExamples(train, held_out), extractor=judge, judge=None, k=5)
    assert list(bare.measure(parts[2].examples_N, ["fid", "class_share_gap"])) == ["fid"]


class _Diverged(ClassifierExtractor):
    def features(self, images_NCHW: torch.Tensor) -> torch.Tensor:
        return torch.full((len(images_NCHW), 2), torch.nan)


def test_features_that_are_not_finite_are_told(parts: list[ExampleSet], judge: ClassifierExtractor) -> None:
    broken = Yardstick.of(
        RealExamples(parts[0], parts[1]), extractor=_Diverged(judge.model.to_weights()), judge=judge, k=5
    )
    with pytest.raises(DataError, match="not finite"):
        broken.measure(parts[2].examples_N, ["fid"])
