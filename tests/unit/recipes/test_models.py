from dataclasses import replace

import pytest
import torch

from lds_mlflow.errors import ArtifactError, ConfigError
from lds_mlflow.models import PIXELS, Codec
from lds_mlflow.models.stylegan import VAE
from lds_mlflow.recipes.models import codec_of
from lds_mlflow.values import ExampleSet
from tests.tiny import SPEC, random_images

MODEL = VAE.initialised(SPEC, 0).eval()
IMAGES = ExampleSet("noise", random_images(3), ("a", "b", "c"))


def test_a_model_at_rest_encodes_examples_of_its_kind() -> None:
    codec = codec_of(MODEL.to_weights(), IMAGES, "cpu")
    assert codec.scale is PIXELS
    assert torch.equal(codec.encode(IMAGES.examples_N).mean, Codec(MODEL).encode(IMAGES.examples_N).mean)


def test_a_model_of_another_kind_of_examples_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        codec_of(replace(MODEL.to_weights(), domain="vectors"), IMAGES, "cpu")
    error = caught.value
    assert error.what == "the model"
    assert error.found == "a model of vectors, with examples that are images"
    assert error.expected == "a model and examples of one kind"
    assert error.remedy.startswith("Give a run")


def test_a_kind_of_examples_that_is_unknown_is_refused() -> None:
    weights, examples = replace(MODEL.to_weights(), domain="sounds"), replace(IMAGES, domain="sounds")
    with pytest.raises(ArtifactError, match="the kind of examples: found sounds"):
        codec_of(weights, examples, "cpu")


def test_a_model_that_can_not_be_opened_is_refused() -> None:
    with pytest.raises(ArtifactError, match="model weights"):
        codec_of(replace(MODEL.to_weights(), kind="flow"), IMAGES, "cpu")
