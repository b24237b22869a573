from pathlib import Path
from typing import Any

import pytest

from lds_mlflow.config import EvaluateConfig, PromoteConfig, RegisterConfig, SampleConfig, Settings, parse
from tests.unit.config.problems import problems, require_refused, require_taken


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (RegisterConfig, "registered_model", "a/b"),
        (RegisterConfig, "registered_model", ""),
        (EvaluateConfig, "part", "train"),
        (EvaluateConfig, "program_resolution", 64),
        (EvaluateConfig, "bootstrap_replicates", 99),
        (PromoteConfig, "promote_by", "density"),
        (PromoteConfig, "coverage_loss", 1.5),
        (SampleConfig, "count", 0),
        (SampleConfig, "truncation", 0),
        (SampleConfig, "sampler", "auto"),
    ],
)
def test_a_value_out_of_range_is_refused_with_its_name_and_itself(kind: type[Settings], name: str, value: Any) -> None:
    require_refused(kind, name, value)


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (RegisterConfig, "registered_model", "none"),
        (SampleConfig, "truncation", 2),
        (PromoteConfig, "coverage_loss", 0),
        (RegisterConfig, "served_sampler", "auto"),
    ],
)
def test_a_value_at_the_edge_of_its_range_is_taken(kind: type[Settings], name: str, value: Any) -> None:
    require_taken(kind, name, value)


@pytest.mark.parametrize("values", [{"classifier_run": "none", "features": "classifier"}, {"classifier_run": "none"}])
def test_features_of_a_classifier_that_is_not_there_are_refused(values: dict[str, str]) -> None:
    (problem,) = problems((EvaluateConfig,), dict(values))
    assert problem.startswith("features=classifier: should be another extractor")


def test_without_a_classifier_inception_is_taken() -> None:
    assert parse(EvaluateConfig, {"classifier_run": "none", "features": "inception"}).features == "inception"


@pytest.mark.parametrize("features", ["inception", "squeezenet", "squeezenet-caffe", "program"])
def test_weights_that_are_there_are_taken(tmp_path: Path, features: str) -> None:
    (tmp_path / "weights.pth").touch()
    values = {"features": features, "feature_weights": str(tmp_path / "weights.pth")}
    assert parse(EvaluateConfig, values).feature_weights == values["feature_weights"]


@pytest.mark.parametrize(
    ("features", "weights", "rule"),
    [
        ("inception", "/no/such/file", "there is no file at /no/such/file"),
        ("squeezenet", "", "should be a file where features is squeezenet"),
        ("squeezenet-caffe", "", "should be a file where features is squeezenet-caffe"),
        ("program", "", "should be a file where features is program"),
        ("classifier", __file__, "should be empty where features is classifier"),
    ],
)
def test_weights_that_are_missing_or_not_wanted_are_refused(features: str, weights: str, rule: str) -> None:
    (problem,) = problems((EvaluateConfig,), {"features": features, "feature_weights": weights})
    assert problem.startswith(f"feature_weights={weights}: ")
    assert rule in problem
