import pytest
import torch

from lds_mlflow.config import EncodeConfig
from lds_mlflow.errors import ConfigError
from lds_mlflow.steps.encode import run
from lds_mlflow.values import ExampleSet, LatentSet
from tests.unit.steps.surroundings import WEIGHTS, GivenRun, surroundings


def test_the_latents_of_the_training_part_are_stored_with_its_names(vectors: GivenRun, first_number: GivenRun) -> None:
    context, own = surroundings({"data": vectors, "train": first_number})
    assert run(EncodeConfig(), context) == "4 latents of 1 dimensions, with a mean norm of 5.00"
    assert own.figures == {"mean_norm": 5}
    stored = own.values["latents"]
    assert isinstance(stored, LatentSet)
    assert stored.z_ND.tolist() == [[0], [0], [10], [10]]
    assert stored.log_variance_ND is None
    assert stored.ids_N == vectors.load(ExampleSet, "train").ids_N


def test_an_encoder_with_a_variance_has_it_stored(digits: GivenRun) -> None:
    context, own = surroundings({"data": digits, "train": GivenRun("train", {"model": WEIGHTS})})
    run(EncodeConfig(), context)
    stored = own.values["latents"]
    assert stored.z_ND.shape == stored.log_variance_ND.shape == (72, 4)
    assert torch.isfinite(stored.log_variance_ND).all()


def test_a_model_of_other_examples_encodes_nothing(vectors: GivenRun, of_images: GivenRun) -> None:
    context, own = surroundings({"data": vectors, "train": of_images})
    with pytest.raises(ConfigError, match="a model of images, with examples that are vectors"):
        run(EncodeConfig(), context)
    assert own.values == {}
