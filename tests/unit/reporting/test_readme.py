from typing import Any

import pytest
import yaml

from lds_mlflow.reporting.readme import DECODER, REAL, SAMPLES, ModelPage, readme
from tests.conftest import an_evaluation

PAGE = ModelPage("faces", "my faces: 2", "images", 16, None, "A model of faces.\n\n## Data\n\nTwo faces.")


def _facts(text: str) -> Any:
    _, facts, _ = text.split("---\n", 2)
    return yaml.safe_load(facts)


def test_a_readme_begins_with_facts_that_programs_read() -> None:
    text = readme(PAGE, (SAMPLES, REAL, DECODER))
    assert text.startswith("---\n")
    facts = _facts(text)
    assert facts["license"] == "unknown"
    assert facts["datasets"] == ["my faces: 2"]
    assert facts["pipeline_tag"] == "unconditional-image-generation"
    assert "model-index" not in facts


def test_figures_are_among_the_facts_where_there_are_any() -> None:
    evaluation = an_evaluation(part="select", metrics={"fid": 1.23456, "vendi": 3.0})
    facts = _facts(readme(ModelPage("faces", "my faces", "images", 16, evaluation, "A model."), (SAMPLES,)))
    assert facts["metrics"] == ["fid"]
    (result,) = facts["model-index"][0]["results"]
    assert result["dataset"] == {"name": "my faces", "type": "my faces", "split": "select"}
    assert result["metrics"] == [{"type": "fid", "name": "FID, by the features of classifier-12ab", "value": 1.235}]


def test_pictures_stand_side_by_side_and_use_and_card_follow() -> None:
    text = readme(PAGE, (SAMPLES, REAL, DECODER))
    assert f"| ![Real (training examples)]({REAL}) | ![Samples (seeds 0, 1, 2, ...)]({SAMPLES}) |" in text
    places = [text.index(part) for part in ("A model of faces.", REAL, "## Use", "models:/faces@champion", "## Data")]
    assert places == sorted(places)
    assert "decoder(torch.randn(4, 16))  # pixels of -1 to 1" in text


@pytest.mark.parametrize("missing", [REAL, DECODER])
def test_what_is_not_there_is_not_shown(missing: str) -> None:
    text = readme(PAGE, {SAMPLES, REAL, DECODER} - {missing})
    assert missing not in text


def test_other_kinds_of_examples_are_no_images() -> None:
    text = readme(ModelPage("molecules", "mine", "vectors", 8, None, "A model."), (SAMPLES, DECODER))
    assert "pipeline_tag" not in _facts(text)
    assert "examples in the model's range" in text
