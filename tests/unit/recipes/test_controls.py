from typing import Any

import pytest
import torch

from lds_mlflow.config import AugmentConfig, parse
from lds_mlflow.errors import DataError
from lds_mlflow.models import Codec
from lds_mlflow.models.stylegan import VAE
from lds_mlflow.recipes import Ingredients, make_augmentation
from lds_mlflow.samplers import draw_latents, standard_normal
from lds_mlflow.values import AugmentationSet, ExampleSet, LatentSet
from tests.tiny import SPEC, random_images
from tests.unit.latent.conftest import gaussian
from tests.unit.recipes.conftest import examples

CODEC = Codec(VAE.initialised(SPEC, 0).eval())
Z = gaussian(30, SPEC.latent_dim)
CODED = ["prior", "reconstructions", "noise"]


def _control(source: str, reserve: ExampleSet | None = None, **settings: Any) -> AugmentationSet:
    ids = tuple(map(str, range(30)))
    train = ExampleSet("tests", random_images(30), ids)
    ingredients = Ingredients(
        LatentSet(Z, torch.zeros_like(Z), ids), CODEC, train, held_out=lambda: train, reserve=lambda: reserve
    )
    made = make_augmentation(parse(AugmentConfig, {"source": source, **settings}), ingredients)
    assert made.selected is None
    return made.examples


def _latents(source: str, **settings: Any) -> torch.Tensor:
    z_AD = _control(source, **settings).z_AD
    assert z_AD is not None
    return z_AD


@pytest.mark.parametrize("source", CODED)
def test_a_of_latents_is_decoded_from_them(source: str) -> None:
    made = _control(source)
    assert made.z_AD is not None
    assert made.z_AD.shape == (15, SPEC.latent_dim)
    assert torch.equal(made.examples_A, CODEC.decode(made.z_AD))


def test_a_of_reconstructions_are_training_latents_none_twice_before_all_are_once() -> None:
    nearest = torch.cdist(_latents("reconstructions"), Z).min(1)
    assert nearest.values.max() == 0
    assert len(nearest.indices.unique()) == len(nearest.indices) == 15
    often = torch.cdist(_latents("reconstructions", augmentation_ratio=2), Z).argmin(1).bincount()
    assert often.tolist() == [2] * 30


def test_a_of_noise_lies_a_bandwidth_from_training_latents() -> None:
    distance = torch.cdist(_latents("noise", sigma="0.001", augmentation_ratio=10), Z).min(1).values
    # The mean of 300 distances of 4 dimensions, chi distributed, within 5 standard errors.
    assert distance.mean().item() == pytest.approx(0.00188, abs=0.0002)


def test_a_of_the_prior_has_no_latent_that_an_evaluation_draws() -> None:
    drawn = draw_latents(standard_normal(SPEC.latent_dim), list(range(2000)))
    for seed in (0, 1, 2047, 2048, 2**32 - 1):
        assert torch.cdist(_latents("prior", augment_seed=seed), drawn).min() > 0


@pytest.mark.parametrize("source", CODED)
def test_a_control_depends_on_its_seed_alone(source: str) -> None:
    first, again, other = (_latents(source, augment_seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_real_examples_are_those_kept_aside_as_many_as_wanted() -> None:
    assert len(_control("real", examples(30)).examples_A) == 15
    assert len(_control("real", examples(10)).examples_A) == 10


def test_real_examples_that_were_not_kept_aside_are_refused_with_the_remedy() -> None:
    with pytest.raises(DataError, match="reserve_fraction"):
        _control("real")
