from typing import Any

import pytest
import torch

from lds_mlflow.config import AugmentConfig, parse
from lds_mlflow.errors import DataError
from lds_mlflow.models import Codec
from lds_mlflow.models.stylegan import VAE
from lds_mlflow.recipes import Ingredients, make_augmentation
from lds_mlflow.values import AugmentationSet, ExampleSet, LatentSet
from tests.tiny import SPEC, random_images

SOURCES = ["transforms", "mixup", "cutmix"]


def _changed(source: str, domain: str = "images", **settings: Any) -> AugmentationSet:
    ids = tuple(map(str, range(30)))
    train = ExampleSet("tests", random_images(30), ids, domain=domain)
    latents = LatentSet(torch.zeros(30, SPEC.latent_dim), None, ids)
    codec = Codec(VAE.initialised(SPEC, 0).eval())
    ingredients = Ingredients(latents, codec, train, held_out=lambda: train, reserve=lambda: None)
    return make_augmentation(parse(AugmentConfig, {"source": source, **settings}), ingredients).examples


@pytest.mark.parametrize("source", SOURCES)
def test_a_of_pixels_was_decoded_from_nothing(source: str) -> None:
    made = _changed(source)
    assert made.z_AD is None
    assert made.examples_A.shape == (15, 1, 8, 8)


@pytest.mark.parametrize("source", SOURCES)
def test_changed_images_depend_on_their_seed_alone(source: str) -> None:
    first, again, other = (_changed(source, augment_seed=seed).examples_A for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("source", SOURCES)
def test_examples_without_pixels_are_refused(source: str) -> None:
    with pytest.raises(DataError, match="another source"):
        _changed(source, domain="molecules")
