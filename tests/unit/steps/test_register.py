from collections.abc import Mapping
from typing import Any

import pytest
import torch

from lds_mlflow.choices.figures import SUMMARY
from lds_mlflow.config import RegisterConfig
from lds_mlflow.errors import ConfigError, ProtocolError
from lds_mlflow.reporting.readme import DECODER, REAL, SAMPLES
from lds_mlflow.steps import register
from lds_mlflow.tracking import Run
from lds_mlflow.values import ExampleSet, LatentDistribution, ModelWeights
from tests.conftest import an_evaluation
from tests.unit.steps.surroundings import WEIGHTS, GivenRun, surroundings

Registered = dict[str, Any]


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> Registered:
    """What was registered last, as version 7; its decoder is not exported, which takes seconds."""
    found: Registered = {}

    def registering(
        run: Run, weights: ModelWeights, distributions: Mapping[str, LatentDistribution], name: str, **others: Any
    ) -> int:
        found.update(weights=weights, distributions=distributions, name=name, **others)
        return 7

    monkeypatch.setattr(register, "register_sampler", registering)
    monkeypatch.setattr(register, "exported_decoder", lambda weights: b"program")
    return found


@pytest.fixture
def inputs(digits: GivenRun) -> dict[str, GivenRun]:
    return {"data": digits, "model": GivenRun("finetune", {"model": WEIGHTS})}


def _evaluated(fid: float, ratio: float, part: str = "select") -> GivenRun:
    figures = {"fid": fid, "nearest_ratio": ratio, "tail_share": 0.0, "coverage": 0.5, "density": 1.0}
    intervals = dict.fromkeys(figures, (0.0, 9.0))
    evaluation = an_evaluation(part=part, metrics=figures, intervals=intervals)
    return GivenRun("evaluate", {"evaluation_select": evaluation})


def test_the_sampler_with_the_lowest_fid_that_does_not_copy_is_registered(
    inputs: dict[str, GivenRun], registered: Registered
) -> None:
    samplers = {"prior": _evaluated(3, 1.1), "gaussian": _evaluated(2, 1.1), "density": _evaluated(1, 0.9)}
    context, own = surroundings({**inputs, **samplers})
    sentence = register.run(RegisterConfig(registered_model="digits"), context)
    assert sentence.startswith("finetune finetune, with samples drawn from ")
    assert "(lowest FID by the part select among samplers whose samples are not too near" in sentence
    assert sentence.endswith("; registered as digits version 7")
    assert own.values["distribution"].sampler == registered["sampler"] == "gaussian"
    table = own.tables["samplers.csv"]
    assert list(table.columns) == ["sampler", *SUMMARY]
    assert table["fid"].tolist() == [3, 2, 1]
    assert "| FID | 2 |" in own.texts["model_card.md"]


def test_the_model_has_four_distributions_and_its_card_as_description(
    inputs: dict[str, GivenRun], registered: Registered
) -> None:
    context, own = surroundings(inputs)
    register.run(RegisterConfig(), context)
    assert registered["weights"] is WEIGHTS
    assert registered["name"] == "digits"
    assert registered["description"] == own.texts["model_card.md"]
    distributions = registered["distributions"]
    assert distributions["chosen"] is own.values["distribution"]
    others = {name: distributions[name].sampler for name in ("prior", "aggregate", "density")}
    assert others == {"prior": "prior", "aggregate": "gaussian", "density": "density"}
    sorted_densities = [tensor for tensor in distributions["density"].tensors.values() if tensor.shape == (72,)]
    assert any(torch.equal(tensor, tensor.sort().values) for tensor in sorted_densities)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ("/pictures/my faces/", "my faces"),
        ("clips.zip", "clips"),
        ("/pictures/a:b", "a-b"),
        ("fashion-mnist", "fashion-mnist"),
    ],
)
def test_a_model_without_a_name_has_that_of_its_data(
    data: str, name: str, parts: dict[str, ExampleSet], inputs: dict[str, GivenRun], registered: Registered
) -> None:
    inputs["data"] = GivenRun("data", parts, params={"data": data})
    context, _ = surroundings(inputs)
    assert register.run(RegisterConfig(), context).endswith(f"; registered as {name} version 7")
    assert registered["name"] == name


def test_the_model_keeps_some_training_examples_without_their_names_and_files_for_people(
    inputs: dict[str, GivenRun], registered: Registered
) -> None:
    context, _ = surroundings(inputs)
    register.run(RegisterConfig(kept_examples=5), context)
    train = inputs["data"].load(ExampleSet, "train")
    kept = registered["examples"]
    assert torch.equal(kept.examples_N, train.spread(5).examples_N)
    assert kept.ids_N == ("0", "1", "2", "3", "4")
    assert kept.class_names_K == train.class_names_K
    assert registered["facts"]["data"] == "scikit-learn digits: 72 images of 8x8x1"
    assert set(registered["files"]) == {"README.md", SAMPLES, REAL, DECODER}
    assert registered["files"]["README.md"].startswith(b"---\nlibrary_name: mlflow\n")


def test_a_model_that_is_to_keep_no_training_examples_has_none_nor_a_picture_of_them(
    inputs: dict[str, GivenRun], registered: Registered
) -> None:
    context, _ = surroundings(inputs)
    register.run(RegisterConfig(kept_examples=0), context)
    assert registered["examples"] is None
    assert REAL not in registered["files"]
    assert b"real.png" not in registered["files"]["README.md"]


def test_a_model_whose_decoder_can_not_be_exported_is_registered_without_the_file(
    inputs: dict[str, GivenRun], registered: Registered, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(weights: ModelWeights) -> bytes:
        raise RuntimeError("a graph break")

    monkeypatch.setattr(register, "exported_decoder", failing)
    context, _ = surroundings(inputs)
    register.run(RegisterConfig(), context)
    assert DECODER not in registered["files"]
    assert b"There is no file of the decoder alone" in registered["files"]["README.md"]


def test_what_is_drawn_around_training_latents_is_registered_with_their_classes(
    inputs: dict[str, GivenRun], registered: Registered
) -> None:
    context, _ = surroundings(inputs)
    register.run(RegisterConfig(sampler_sigma="0.5", sampler_kernel="neighbours"), context)
    train = inputs["data"].load(ExampleSet, "train")
    for name in ("chosen", "density"):
        distribution = registered["distributions"][name]
        assert distribution.tensors["labels"] is train.labels_N
        assert distribution.class_names_K == train.class_names_K
        assert "neighbours" in distribution.tensors
    assert registered["distributions"]["prior"].class_names_K == ()


def test_a_sampler_that_is_given_is_registered_whatever_was_measured(
    inputs: dict[str, GivenRun], registered: Registered
) -> None:
    context, own = surroundings({**inputs, "prior": _evaluated(1, 1.1), "density": _evaluated(2, 1.1)})
    sentence = register.run(RegisterConfig(served_sampler="density", sampler_sigma="0.5"), context)
    assert "sigma 0.5 (given as served_sampler)" in sentence
    assert own.values["distribution"].sampler == "density"
    assert own.tables == {}


def test_where_samplers_can_not_be_compared_the_default_is_registered_and_that_is_said(
    inputs: dict[str, GivenRun], registered: Registered
) -> None:
    context, own = surroundings(inputs)
    assert "(the default: without classes, features=classifier can't compare" in register.run(RegisterConfig(), context)
    assert own.values["distribution"].sampler == "density"


def test_the_part_test_never_chooses_a_sampler(inputs: dict[str, GivenRun], registered: Registered) -> None:
    context, own = surroundings({**inputs, "prior": _evaluated(1, 1.1, part="test")})
    with pytest.raises(ProtocolError):
        register.run(RegisterConfig(), context)
    assert (own.values, registered) == ({}, {})


def test_a_model_of_other_examples_is_not_registered(
    vectors: GivenRun, of_images: GivenRun, registered: Registered
) -> None:
    context, own = surroundings({"data": vectors, "model": of_images})
    with pytest.raises(ConfigError, match="a model of images, with examples that are vectors"):
        register.run(RegisterConfig(), context)
    assert (own.values, registered) == ({}, {})


@pytest.mark.parametrize(("ratio", "is_alarmed"), [(1.1, False), (0.9, True)])
def test_where_the_samples_of_every_sampler_are_copies_an_alarm_is_raised(
    inputs: dict[str, GivenRun], registered: Registered, ratio: float, is_alarmed: bool
) -> None:
    context, _ = surroundings({**inputs, "prior": _evaluated(3, ratio), "density": _evaluated(1, 0.8)})
    register.run(RegisterConfig(registered_model="digits"), context)
    assert ["those of prior too: they are copies" in text for text in context.alarms] == [True] * is_alarmed
