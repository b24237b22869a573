from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torchvision.models import squeezenet1_0

from lds_mlflow.config import EvaluateConfig, parse
from lds_mlflow.data import load_digits
from lds_mlflow.metrics import ClassifierExtractor, Measured, evaluate_samples, train_classifier
from lds_mlflow.recipes.extractors import extractor_as_configured
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
def measured(parts: list[ExampleSet], judge: ClassifierExtractor) -> Measured:
    return evaluate_samples(parts[2].examples_N, parts[1], parts[0], extractor=judge, judge=judge, replicates=100)


def _scaled(config: EvaluateConfig, parts: list[ExampleSet], judge: ClassifierExtractor | None, cache: Path) -> Tensor:
    extractor = extractor_as_configured(config, judge, parts[0], device="cpu", cache=cache)
    return extractor.features(parts[0].examples_N)


def test_the_classifiers_features_have_a_fixed_scale_and_are_kept(
    parts: list[ExampleSet], judge: ClassifierExtractor, tmp_path: Path
) -> None:
    features = _scaled(parse(EvaluateConfig, {}), parts, judge, tmp_path)
    assert features.square().mean().item() == pytest.approx(1, rel=1e-4)
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("features", ["squeezenet", "squeezenet-caffe"])
def test_squeezenet_is_read_from_its_file_by_its_convention(
    parts: list[ExampleSet], tmp_path: Path, features: str
) -> None:
    torch.manual_seed(0)
    save_file(squeezenet1_0().state_dict(), tmp_path / "weights.safetensors")
    config = parse(EvaluateConfig, {"features": features, "feature_weights": str(tmp_path / "weights.safetensors")})
    few = [parts[0].spread(2)]
    extractor = extractor_as_configured(config, None, few[0], device="cpu", cache=tmp_path / "cache")
    assert extractor.name.startswith("squeezenet-")
    assert ("227x227" in extractor.resize) == (features == "squeezenet-caffe")


def test_a_program_sees_images_at_the_resolution_that_is_asked_for(parts: list[ExampleSet], tmp_path: Path) -> None:
    class Corner(torch.nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.cat([x.flatten(1)[:, :3], torch.full_like(x[:, 0, 0, :1], x.shape[2])], dim=1)

    program = torch.export.export(
        Corner(), (torch.rand(2, 3, 16, 16),), dynamic_shapes=({0: torch.export.Dim("batch")},)
    )
    torch.export.save(program, tmp_path / "corner.pt2")
    values = {"features": "program", "feature_weights": str(tmp_path / "corner.pt2"), "program_resolution": 16}
    features = _scaled(parse(EvaluateConfig, values), parts, None, tmp_path / "cache")
    assert features.shape == (40, 4)
    assert features.square().mean().item() == pytest.approx(1, rel=1e-4)


def test_figures_that_were_not_measured_have_no_row() -> None:
    table = figures_table(an_evaluation())
    assert table["figure"].tolist() == ["FID"]
    assert table.iloc[0, 1:5].tolist() == ["1.25", "1 to 1.5", "0.5", "lower"]


def test_quality_by_latent_density_takes_twenty_samples(measured: Measured) -> None:
    generator = torch.Generator().manual_seed(0)
    z_SD, z_ND = torch.randn(40, 4, generator=generator), torch.randn(60, 4, generator=generator)
    assert set(deciles_of_samples(z_SD, z_ND, measured)) == set(measured.quality_S)


def test_a_report_without_classes_deciles_or_extrapolation_is_whole(
    parts: list[ExampleSet], judge: ClassifierExtractor
) -> None:
    measured = evaluate_samples(parts[2].examples_N, parts[1], parts[0], extractor=judge, replicates=100)
    report = report_of(measured, parts[2].examples_N, parts[0], {}, title="A model", sentence="Bad")
    names = [name for name, _ in report.pictures]
    assert "pictures/class_shares.png" not in names
    assert names == ["pictures/" + name for name in (
        "samples.png", "real_test.png", "nearest_training.png", "closest_pairs.png", "tradeoff.png",
    )]  # fmt: skip
    assert "more than 128 samples" in report.markdown()


def test_a_report_tells_how_good_the_classifier_is_and_what_it_could_not_tell(
    parts: list[ExampleSet], measured: Measured
) -> None:
    report = report_of(measured, parts[2].examples_N, parts[0], {}, title="A model", sentence="Bad")
    assert "It is right for " in report.markdown()
    assert any("fewer than 10 images" in note for note in measured.notes)
    assert all(note.split(":")[0] in report.html().replace("&#39;", "'") for note in measured.notes)
