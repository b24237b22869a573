import json
from dataclasses import replace

import pytest

from lds_mlflow.config import ExportConfig
from lds_mlflow.errors import ArtifactError
from lds_mlflow.steps import export
from lds_mlflow.steps.export import run
from tests.own import own_weights, programs
from tests.unit.steps.surroundings import WEIGHTS, GivenRun, surroundings


def test_a_model_that_was_opened_is_exported_as_it_came(digits: GivenRun) -> None:
    context, own = surroundings({"data": digits, "model": GivenRun("open", {"model": own_weights()})})
    assert run(ExportConfig(), context).startswith("somebody's: encoder and decoder as programs, ")
    files = own.files["generator"]
    assert (files["encoder.pt2"], files["decoder.pt2"]) == programs()
    said = json.loads(files["generator.json"])
    assert (said["example_shape"], said["licence"]) == ([1, 8, 8], "MIT")


def test_what_is_said_of_a_model_of_the_project_is_known_of_the_data_and_the_model(
    digits: GivenRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []
    monkeypatch.setattr(export, "write_pair", lambda model, facts, folder: written.append(facts))
    context, _ = surroundings({"data": digits, "model": GivenRun("train", {"model": WEIGHTS})})
    run(ExportConfig(), context)
    (facts,) = written
    assert (facts.example_shape, facts.latent_shape, facts.value_range) == ((1, 8, 8), (4,), (-1, 1))


def test_a_model_that_no_program_can_follow_is_an_error(digits: GivenRun, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(model: object, facts: object, folder: object) -> None:
        raise RuntimeError("a loop")

    monkeypatch.setattr(export, "write_pair", failing)
    context, own = surroundings({"data": digits, "model": GivenRun("train", {"model": replace(WEIGHTS)})})
    with pytest.raises(ArtifactError, match="a loop"):
        run(ExportConfig(), context)
    assert own.files == {}
