import pytest
import torch

from lds_mlflow.data import load_digits
from lds_mlflow.metrics import (
    ClassifierExtractor,
    EvaluationSettings,
    RealExamples,
    SampleMeasurements,
    evaluate_samples,
    sharpness,
    train_classifier,
)
from lds_mlflow.reporting.evaluation import deciles_of_samples, figures_table, report_of
from lds_mlflow.values import ExampleSet
from tests.conftest import an_evaluation


@pytest.fixture(scope="module")
def parts() -> list[ExampleSet]:
    digits = load_digits()
    return [digits.take(rows) for rows in torch.arange(120).split(40)]


@pytest.fixture(scope="module")
def judge(parts: list[ExampleSet]) -> ClassifierExtractor:
    return ClassifierExtractor(train_classifier(parts[0], steps=2, seed=0).to_weights())


@pytest.fixture(scope="module")
def measured(parts: list[ExampleSet], judge: ClassifierExtractor) -> SampleMeasurements:
    return evaluate_samples(
        parts[2].examples_N,
        RealExamples(parts[0], parts[1]),
        extractor=judge,
        judge=judge,
        qualities={"sharpness": sharpness},
        reconstructions_N=parts[1].examples_N,
        settings=EvaluationSettings(replicates=100),
    )


def test_figures_that_were_not_measured_have_no_row() -> None:
    table = figures_table(an_evaluation())
    assert table["figure"].tolist() == ["FID"]
    assert table.iloc[0, 1:5].tolist() == ["1.25", "1 to 1.5", "0.5", "lower"]


def test_quality_by_latent_density_takes_twenty_samples(measured: SampleMeasurements) -> None:
    generator = torch.Generator().manual_seed(0)
    z_SD, z_ND = torch.randn(40, 4, generator=generator), torch.randn(60, 4, generator=generator)
    assert set(deciles_of_samples(z_SD, z_ND, measured)) == set(measured.quality_S)


def test_a_report_without_classes_deciles_or_extrapolation_is_whole(
    parts: list[ExampleSet], judge: ClassifierExtractor
) -> None:
    real, settings = RealExamples(parts[0], parts[1]), EvaluationSettings(replicates=100)
    measured = evaluate_samples(parts[2].examples_N, real, extractor=judge, settings=settings)
    report = report_of(measured, parts[2].examples_N, parts[0], {}, title="A model", sentence="Bad")
    names = [name for name, _ in report.pictures]
    assert "pictures/class_shares.png" not in names
    assert names == ["pictures/" + name for name in (
        "samples.png", "real_test.png", "nearest_training.png", "closest_pairs.png", "tradeoff.png",
    )]  # fmt: skip
    assert "more than 128 samples" in report.markdown()
    assert "reconstructions" not in report.markdown()


def test_a_report_says_how_near_reconstructions_of_unseen_examples_are(
    parts: list[ExampleSet], measured: SampleMeasurements
) -> None:
    report = report_of(measured, parts[2].examples_N, parts[0], {}, title="A model", sentence="Bad")
    # The held-out examples stand for their reconstructions.
    assert "have Nearest-neighbour ratio 1 and Tail share 0" in report.markdown()
    assert "below a ratio of 1, or clearly above a tail share of 0.02." in report.markdown()


def test_a_report_tells_how_good_the_classifier_is_and_what_it_could_not_tell(
    parts: list[ExampleSet], measured: SampleMeasurements
) -> None:
    report = report_of(measured, parts[2].examples_N, parts[0], {}, title="A model", sentence="Bad")
    assert "It is right for " in report.markdown()
    assert any("fewer than 10 of them" in note for note in measured.notes)
    assert all(note.split(":")[0] in report.html().replace("&#39;", "'") for note in measured.notes)
