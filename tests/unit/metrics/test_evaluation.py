from typing import Any

import pytest
import torch
from torch import Tensor

from lds_mlflow.choices.figures import COMPARED, FIGURES, LISTED_WHERE_THEY_ARE
from lds_mlflow.data import load_digits
from lds_mlflow.errors import DataError
from lds_mlflow.metrics import (
    ClassifierExtractor,
    EvaluationSettings,
    RealExamples,
    SampleMeasurements,
    evaluate_samples,
    sharpness,
    train_classifier,
)
from lds_mlflow.values import Evaluation, ExampleSet

N = 400
FEW_REPLICATES = EvaluationSettings(replicates=200)


class BrightnessExtractor:
    """An extractor whose features can be done in the head: mean brightness and its square."""

    name = "brightness"
    resize = "none"

    def features(self, images_NCHW: Tensor) -> Tensor:
        mean = images_NCHW.float().mean((1, 2, 3)) / 255
        return torch.stack([mean, mean.square()], dim=1)


@pytest.fixture(scope="module")
def parts() -> list[ExampleSet]:
    """Training examples, held-out examples and further real examples: four hundred digits each."""
    digits = load_digits()
    order = torch.randperm(len(digits), generator=torch.Generator().manual_seed(0))
    return [digits.take(part) for part in order[: 3 * N].split(N)]


@pytest.fixture(scope="module")
def judge(parts: list[ExampleSet]) -> ClassifierExtractor:
    return ClassifierExtractor(train_classifier(parts[0], steps=80, seed=0).to_weights())


def _evaluate(samples_SCHW: Tensor, parts: list[ExampleSet], judge: ClassifierExtractor) -> dict[str, float]:
    return _measure(samples_SCHW, parts, judge).evaluation.metrics


def _measure(
    samples_SCHW: Tensor,
    parts: list[ExampleSet],
    extractor: ClassifierExtractor,
    *,
    further: ExampleSet | None = None,
    **changes: Any,
) -> SampleMeasurements:
    given: dict[str, Any] = {"extractor": extractor, "judge": extractor, "qualities": {"sharpness": sharpness}}
    real = RealExamples(parts[0], parts[1], further)
    return evaluate_samples(samples_SCHW, real, **given | {"settings": FEW_REPLICATES} | changes)


def test_every_figure_has_its_floor(parts: list[ExampleSet], judge: ClassifierExtractor) -> None:
    metrics = _measure(parts[2].examples_N, parts, judge, further=parts[2]).evaluation.metrics
    every = {name for name, figure in FIGURES.items() if figure.family not in ("domain", "extractor")} - {"qed"}
    assert every | {f"floor_{name}" for name in every} <= set(metrics)


def test_what_is_compared_has_influences_and_an_interval_around_it(
    parts: list[ExampleSet], judge: ClassifierExtractor
) -> None:
    found = _measure(parts[2].examples_N, parts, judge).evaluation
    assert set(COMPARED) - set(LISTED_WHERE_THEY_ARE) <= set(found.by_real) == set(found.by_sample)
    shares = {f"class_share_corrected/{label}" for label in range(10)}
    assert set(found.intervals) == set(found.by_real) | shares
    for name, (low, high) in found.intervals.items():
        assert low <= found.metrics[name] <= high, name
    for name in found.by_real:
        assert found.by_real[name].shape == found.by_sample[name].shape == (N,)
        assert abs(found.by_sample[name].mean()) < 1e-9 * (1 + found.by_sample[name].abs().max()), name


def test_without_labels_there_are_no_classes_and_without_further_examples_no_floor_of_memorization(
    parts: list[ExampleSet], judge: ClassifierExtractor
) -> None:
    found = _measure(parts[2].examples_N, parts, judge, judge=None)
    assert found.balance is None
    assert not any("class" in name for name in found.evaluation.metrics)
    assert "floor_authenticity" not in found.evaluation.metrics


def test_copies_of_training_examples_show_as_such_and_not_as_quality(
    parts: list[ExampleSet], judge: ClassifierExtractor
) -> None:
    copies, fresh = (_measure(parts[i].examples_N, parts, judge) for i in (0, 2))
    metrics = copies.evaluation.metrics
    assert metrics["authenticity"] == 0
    assert metrics["nearest_ratio"] == 0
    assert metrics["data_copying"] < -3
    assert copies.nearest_train_S.tolist() == list(range(N))
    # A distance to held-out examples knows nothing of it.
    assert metrics["fid"] < 1.5 * fresh.evaluation.metrics["fid"]
    assert fresh.evaluation.metrics["authenticity"] > 0.3


def test_the_order_of_the_samples_changes_nothing(parts: list[ExampleSet], judge: ClassifierExtractor) -> None:
    order = torch.randperm(N, generator=torch.Generator().manual_seed(3))
    found, shuffled = (
        _evaluate(parts[2].examples_N, parts, judge),
        _evaluate(parts[2].examples_N[order], parts, judge),
    )
    # The extrapolation draws by place, and of a class as many samples are taken as there are real examples.
    by_place = {name for name in found if name.startswith("class_fid") or "infinity" in name}
    assert {name: shuffled[name] for name in shuffled if name not in by_place} == pytest.approx(
        {name: found[name] for name in found if name not in by_place}, rel=1e-4
    )


def test_a_density_that_rises_under_blur_is_why_no_verdict_rests_on_it(parts: list[ExampleSet]) -> None:
    # Towards the mean example, samples lie in the balls of more and more real examples.
    real = parts[2].examples_N.float()
    blurred = (0.6 * real + 0.4 * real.mean(0)).to(torch.uint8)
    found = [
        evaluate_samples(
            x, RealExamples(parts[0], parts[1]), extractor=_Pixels(), settings=FEW_REPLICATES
        ).evaluation.metrics
        for x in (parts[2].examples_N, blurred)
    ]
    assert found[1]["density"] > 1.2 * found[0]["density"]
    assert found[1]["coverage"] < found[0]["coverage"]
    assert found[1]["fid"] > 2 * found[0]["fid"]
    assert FIGURES["density"].better == "neither"


def test_features_that_are_not_finite_are_named(parts: list[ExampleSet]) -> None:
    class Broken(_Pixels):
        def features(self, images_NCHW: Tensor) -> Tensor:
            return super().features(images_NCHW).index_fill(0, torch.tensor([1]), torch.nan)

    with pytest.raises(DataError, match="1 of 400 that are not finite"):
        evaluate_samples(parts[2].examples_N, RealExamples(parts[0], parts[1]), extractor=Broken())


def test_few_samples_say_what_could_not_be_measured(parts: list[ExampleSet], judge: ClassifierExtractor) -> None:
    found = _measure(parts[2].examples_N[:40], parts, judge)
    assert "fid_infinity" not in found.evaluation.metrics
    assert found.extrapolation is None
    assert any("more than 128 samples" in note for note in found.notes)


class _Pixels:
    name = "pixels"
    resize = "none"

    def features(self, images_NCHW: Tensor) -> Tensor:
        return images_NCHW.float().flatten(1) / 255


def test_real_examples_measure_about_as_their_floor(parts: list[ExampleSet], judge: ClassifierExtractor) -> None:
    metrics = _evaluate(parts[2].examples_N, parts, judge)
    assert metrics["fid"] < 2 * metrics["floor_fid"]
    assert metrics["coverage"] == pytest.approx(metrics["floor_coverage"], abs=0.05)
    assert metrics["density"] == pytest.approx(metrics["floor_density"], abs=0.15)
    assert metrics["coverage"] > 0.9
    assert metrics["class_share_gap"] < 0.12


def test_training_examples_as_samples_are_the_floor(parts: list[ExampleSet], judge: ClassifierExtractor) -> None:
    metrics = _evaluate(parts[0].examples_N, parts, judge)
    assert all(
        metrics[name] == metrics[f"floor_{name}"] for name in ("fid", "precision", "recall", "density", "coverage")
    )


def test_noise_raises_the_distance_and_lowers_density_and_coverage(
    parts: list[ExampleSet], judge: ClassifierExtractor
) -> None:
    real = parts[2].examples_N
    noise = torch.randn(real.shape, generator=torch.Generator().manual_seed(0))
    noisy = [(real + scale * noise).clamp(0, 255).to(torch.uint8) for scale in (0, 50, 120)]
    found = [_evaluate(samples, parts, judge) for samples in noisy]
    assert found[0]["fid"] < found[1]["fid"] < found[2]["fid"]
    assert found[2]["coverage"] < found[0]["coverage"]
    assert found[2]["density"] < found[0]["density"]


def test_blur_raises_the_distance(parts: list[ExampleSet], judge: ClassifierExtractor) -> None:
    real = parts[2].examples_N
    blurred = torch.nn.functional.avg_pool2d(real.float(), 3, stride=1, padding=1).to(torch.uint8)
    assert _evaluate(blurred, parts, judge)["fid"] > 2 * _evaluate(real, parts, judge)["fid"]


def test_dropped_classes_show_in_coverage_distance_and_shares(
    parts: list[ExampleSet], judge: ClassifierExtractor
) -> None:
    labels = parts[2].labels_N
    assert labels is not None
    few = parts[2].examples_N[labels < 3]
    some = few[torch.arange(N) % len(few)]
    metrics, whole = _evaluate(some, parts, judge), _evaluate(parts[2].examples_N, parts, judge)
    assert metrics["coverage"] < 0.6 * whole["coverage"]
    assert metrics["fid"] > 5 * whole["fid"]
    # Seven of ten classes would have to come back.
    assert metrics["class_share_gap"] == pytest.approx(0.7, abs=0.1)
    assert sum(metrics[f"class_share/{digit}"] for digit in "012") > 0.9


def test_shares_are_those_of_the_judge_and_of_the_true_training_labels(parts: list[ExampleSet]) -> None:
    hasty = ClassifierExtractor(train_classifier(parts[0], steps=1, seed=0).to_weights())
    metrics = _evaluate(parts[2].examples_N, parts, hasty)
    assert sum(metrics[f"class_share/{digit}"] for digit in range(10)) == pytest.approx(1)
    labels = parts[0].labels_N
    assert labels is not None
    shares = [metrics[f"train_class_share/{digit}"] for digit in range(10)]
    assert shares == pytest.approx((labels.bincount() / N).tolist())
    half_gap = sum(abs(metrics[f"class_share/{digit}"] - shares[digit]) for digit in range(10)) / 2
    assert metrics["class_share_gap"] == pytest.approx(half_gap)


def test_the_figures_carry_the_extractor_and_the_equal_count(
    parts: list[ExampleSet], judge: ClassifierExtractor
) -> None:
    found = _measure(parts[2].examples_N[:30], parts, judge).evaluation
    assert found.extractor == judge.name
    assert found.n_samples == 30


def _shades(*brightness: int) -> ExampleSet:
    values = torch.tensor(brightness, dtype=torch.uint8)
    return ExampleSet(
        name="shades",
        examples_N=values[:, None, None, None].expand(-1, 1, 8, 8).contiguous(),
        ids_N=tuple(str(i) for i in range(len(values))),
    )


def _evaluate_shades(samples: ExampleSet, held_out: ExampleSet, train: ExampleSet) -> Evaluation:
    real, settings = RealExamples(train, held_out), EvaluationSettings(k=3, replicates=100)
    return evaluate_samples(samples.examples_N, real, extractor=BrightnessExtractor(), settings=settings).evaluation


def test_as_many_samples_as_held_out_examples_are_compared() -> None:
    large, small = _shades(*range(20)), _shades(*range(8))
    assert _evaluate_shades(large, large, small).n_samples == 20
    assert _evaluate_shades(large, small, large).n_samples == 8
    assert _evaluate_shades(small, large, large).n_samples == 8


def test_training_examples_in_the_order_of_their_classes_give_an_honest_floor() -> None:
    dark, bright = list(range(0, 40, 2)), list(range(200, 240, 2))
    mixed = [shade for pair in zip(dark, bright, strict=True) for shade in pair]
    metrics = _evaluate_shades(_shades(*mixed[:20]), _shades(*mixed[:20]), _shades(*dark, *bright)).metrics
    assert metrics["floor_fid"] < 0.01


def test_held_out_examples_in_the_order_of_their_classes_are_compared_with_all_classes() -> None:
    dark, bright = list(range(0, 40, 2)), list(range(200, 240, 2))
    mixed = [shade for pair in zip(dark, bright, strict=True) for shade in pair]
    metrics = _evaluate_shades(_shades(*mixed[:20]), _shades(*dark, *bright), _shades(*mixed)).metrics
    assert metrics["fid"] < 0.01
    assert metrics["floor_fid"] < 0.01


def test_too_few_examples_for_the_neighbours_are_refused() -> None:
    few = _shades(1, 2, 3)
    with pytest.raises(DataError) as caught:
        _evaluate_shades(few, few, few)
    assert "3 real examples" in caught.value.found
    assert "k = 3" in caught.value.expected
    assert "lower k_neighbours" in caught.value.remedy


def test_where_training_examples_are_few_all_are_the_floor_and_a_note_says_so(
    parts: list[ExampleSet], judge: ClassifierExtractor
) -> None:
    few = [parts[0].take(torch.arange(100)), parts[1]]
    measured = _measure(parts[2].examples_N, few, judge)
    assert measured.evaluation.n_samples == N
    assert any(
        "The floor is of all 100 training examples, fewer than the 400 samples" in note for note in measured.notes
    )
    assert measured.evaluation.metrics["floor_sharpness"] == pytest.approx(
        sharpness(few[0].examples_N).mean().item(), rel=1e-6
    )
    assert not any("The floor" in note for note in _measure(parts[2].examples_N, parts, judge).notes)


class Numbers:
    """An extractor of examples that are no examples: vectors, whose numbers are their features."""

    name = "numbers"
    resize = "none"

    def features(self, examples_N: Tensor) -> Tensor:
        return examples_N.float()


def _vectors(n: int, seed: int) -> ExampleSet:
    values = torch.randn(n, 3, generator=torch.Generator().manual_seed(seed))
    return ExampleSet("vectors", values, tuple(map(str, range(n))))


def test_examples_need_not_be_examples() -> None:
    real = RealExamples(_vectors(60, 0), _vectors(40, 1))
    found = evaluate_samples(
        _vectors(40, 2).examples_N,
        real,
        extractor=Numbers(),
        qualities={"length": lambda x_NF: x_NF.double().norm(dim=1)},
        settings=EvaluationSettings(part="select", first_seed=9, k=3, replicates=100),
    )
    evaluation = found.evaluation
    assert (evaluation.part, evaluation.first_seed, evaluation.settings["k_neighbours"]) == ("select", 9, "3")
    assert set(found.quality_S) == {"distance_to_held_out", "length"}
    assert evaluation.metrics["length"] == found.quality_S["length"].mean().item()
    low, high = evaluation.intervals["length"]
    assert low < evaluation.metrics["length"] < high
    assert "floor_length" in evaluation.metrics


def test_without_qualities_there_is_only_the_distance_to_held_out_examples() -> None:
    real = RealExamples(_vectors(60, 0), _vectors(40, 1))
    found = evaluate_samples(_vectors(40, 2).examples_N, real, extractor=Numbers(), settings=FEW_REPLICATES)
    assert set(found.quality_S) == {"distance_to_held_out"}
    assert "sharpness" not in found.evaluation.metrics
