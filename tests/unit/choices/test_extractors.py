from pathlib import Path

import pytest

from lds_mlflow.choices.extractors import CLASSIFIER, EXTRACTORS
from lds_mlflow.config import EvaluateConfig, parse
from lds_mlflow.errors import ConfigError

KNOWN = {"file", "device", "ranks", "judge", "program_resolution"}


@pytest.fixture
def weights(tmp_path: Path) -> str:
    path = tmp_path / "weights"
    path.touch()
    return str(path)


@pytest.mark.parametrize("name", EXTRACTORS)
def test_every_extractor_takes_what_is_known(name: str) -> None:
    choice = EXTRACTORS[name]
    assert set(choice.takes.values()) <= KNOWN
    assert ("file" in choice.takes.values()) == (choice.file != "none")
    assert ("judge" in choice.takes.values()) == choice.needs_judge
    assert ("program_resolution" in choice.takes.values()) == choice.takes_resolution


@pytest.mark.parametrize("name", EXTRACTORS)
def test_a_file_goes_with_the_extractors_that_take_one(name: str, weights: str) -> None:
    with_file, without = {"features": name, "feature_weights": weights}, {"features": name}
    allowed, refused = {
        "required": ([with_file], [without]),
        "optional": ([with_file, without], []),
        "none": ([without], [with_file]),
    }[EXTRACTORS[name].file]
    for values in allowed:
        assert parse(EvaluateConfig, values).features == name
    for values in refused:
        with pytest.raises(ConfigError, match="feature_weights"):
            parse(EvaluateConfig, values)


@pytest.mark.parametrize("name", EXTRACTORS)
def test_a_resolution_goes_with_the_extractors_that_take_one(name: str, weights: str) -> None:
    file = {} if EXTRACTORS[name].file == "none" else {"feature_weights": weights}
    values = {"features": name, "program_resolution": 32, **file}
    if EXTRACTORS[name].takes_resolution:
        assert parse(EvaluateConfig, values).program_resolution == 32
    else:
        with pytest.raises(ConfigError, match="program_resolution"):
            parse(EvaluateConfig, values)


def test_without_a_classifier_its_features_are_refused() -> None:
    with pytest.raises(ConfigError, match="another extractor"):
        parse(EvaluateConfig, {"features": CLASSIFIER, "classifier_run": "none"})


def test_an_extractor_that_is_not_in_the_table_is_refused_with_the_names() -> None:
    with pytest.raises(ConfigError, match="squeezenet-caffe"):
        parse(EvaluateConfig, {"features": "dino"})
