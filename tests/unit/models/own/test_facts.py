import json
from dataclasses import replace
from typing import Any

import pytest

from lds_mlflow.errors import ArtifactError
from lds_mlflow.models.own.facts import Facts
from tests.own import FACTS


def test_facts_are_read_as_they_are_written_and_further_keys_do_not_matter() -> None:
    said = json.loads(FACTS.to_json()) | {"trained_by": "somebody"}
    assert Facts.from_json(json.dumps(said), "generator.json") == FACTS


def test_a_name_and_a_licence_may_be_left_out() -> None:
    said = {"example_shape": [1, 8, 8], "value_range": [0, 1], "latent_shape": [4, 2, 2]}
    assert Facts.from_json(json.dumps(said), "generator.json") == Facts((1, 8, 8), (0.0, 1.0), (4, 2, 2))


def test_a_decoder_may_take_noise() -> None:
    facts = replace(FACTS, noise_shape=(3, 4), noise_seed=7)
    assert Facts.from_json(facts.to_json(), "generator.json") == facts
    assert FACTS.noise_shape == ()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("example_shape", "3x8x8"),
        ("example_shape", [3, -8, 8]),
        ("example_shape", [3, True, 8]),
        ("latent_shape", []),
        ("latent_shape", [2**40]),
        ("value_range", [1, -1]),
        ("value_range", [0]),
        ("value_range", [0, float("nan")]),
        ("value_range", ["0", "1"]),
        ("noise_shape", "4x4"),
        ("noise_shape", [0]),
        ("noise_shape", None),
        ("noise_seed", -1),
        ("noise_seed", 1.5),
    ],
)
def test_an_impossible_fact_is_named(key: str, value: Any) -> None:
    said = json.loads(FACTS.to_json()) | {key: value}
    with pytest.raises(ArtifactError, match=key):
        Facts.from_json(json.dumps(said), "generator.json")


def test_a_missing_fact_is_named() -> None:
    with pytest.raises(ArtifactError, match="no example_shape"):
        Facts.from_json("{}", "generator.json")


@pytest.mark.parametrize("text", ["", "[]", "{'a': 1}"])
def test_a_file_that_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(ArtifactError, match="a JSON object"):
        Facts.from_json(text, "generator.json")
