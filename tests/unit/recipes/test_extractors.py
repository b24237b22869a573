from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torchvision.models import squeezenet1_0

from lds_mlflow.choices import load
from lds_mlflow.choices.extractors import EXTRACTORS
from lds_mlflow.choices.figures import FIGURES
from lds_mlflow.config import EvaluateConfig, parse
from lds_mlflow.data import load_digits
from lds_mlflow.metrics import ClassifierExtractor, train_classifier
from lds_mlflow.recipes.extractors import extractor_as_configured, judge_as_extractor
from lds_mlflow.values import ExampleSet


@pytest.fixture(scope="module")
def parts() -> list[ExampleSet]:
    digits = load_digits()
    return [digits.take(rows) for rows in torch.arange(80).split(40)]


@pytest.fixture(scope="module")
def judge(parts: list[ExampleSet]) -> ClassifierExtractor:
    return ClassifierExtractor(train_classifier(parts[0], steps=2, seed=0).to_weights())


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


@pytest.mark.parametrize("name", EXTRACTORS)
def test_every_extractor_is_where_the_table_says(name: str) -> None:
    assert callable(load(EXTRACTORS[name].at))
    for figure, at in EXTRACTORS[name].figures.items():
        assert FIGURES[figure].family == "extractor"
        assert callable(load(at))


def test_the_classifier_is_needed_where_it_is_the_extractor(judge: ClassifierExtractor) -> None:
    assert judge_as_extractor(judge) is judge
    with pytest.raises(AssertionError):
        judge_as_extractor(None)


def test_without_a_folder_nothing_is_kept(parts: list[ExampleSet], judge: ClassifierExtractor, tmp_path: Path) -> None:
    extractor = extractor_as_configured(parse(EvaluateConfig, {}), judge, parts[0], device="cpu", cache=None)
    assert extractor.features(parts[0].examples_N).shape == (40, 64)
    assert list(tmp_path.iterdir()) == []
