"""Other sources of A than selected interpolants: controls, and an oracle. Each is called as `make_augmentation` is."""

from math import ceil

import torch
from torch import Tensor

from lds_mlflow.config import AugmentConfig
from lds_mlflow.errors import DataError
from lds_mlflow.latent import bandwidth
from lds_mlflow.recipes.augmentation import Augmentation, Ingredients
from lds_mlflow.recipes.scoring import wanted_of
from lds_mlflow.samplers import draw_latents, prior_of
from lds_mlflow.values import AugmentationSet

__all__ = [
    "latents_with_noise",
    "real_examples",
    "reconstructions",
    "require_reserve",
    "samples_of_prior",
]

_FIRST_SEED_OF_A, _APART, _SEEDS = 2**31, 2**20, 2**31
"""The upper half of the seeds, far from those that evaluations draw, in blocks."""


def samples_of_prior(config: AugmentConfig, ingredients: Ingredients) -> Augmentation:
    """Returns samples of the model's prior."""
    n = wanted_of(config, len(ingredients.latents.z_ND))
    seeds = [_FIRST_SEED_OF_A + (config.augment_seed * _APART + i) % _SEEDS for i in range(n)]
    return _decoded(draw_latents(prior_of(ingredients.codec), seeds), ingredients)


def reconstructions(config: AugmentConfig, ingredients: Ingredients) -> Augmentation:
    """Returns reconstructions of training examples, each of them equally often, give or take one."""
    return _decoded(_training_latents(config, ingredients, _generator(config)), ingredients)


def latents_with_noise(config: AugmentConfig, ingredients: Ingredients) -> Augmentation:
    """Returns decoded training latents with Gaussian noise of the configured bandwidth."""
    generator = _generator(config)
    z_AD = _training_latents(config, ingredients, generator)
    width = bandwidth(ingredients.latents.z_ND, config.sigma, multiplier=config.sigma_multiplier)
    return _decoded(z_AD + width.sigma * torch.randn(z_AD.shape, generator=generator), ingredients)


def real_examples(config: AugmentConfig, ingredients: Ingredients) -> Augmentation:
    """Returns more real examples: as many as there would be of another source, or all that were kept aside.

    Raises:
        DataError: No real examples were kept aside.
    """
    reserve = ingredients.reserve()
    require_reserve(0 if reserve is None else len(reserve))
    assert reserve is not None
    return Augmentation(AugmentationSet(reserve.spread(wanted_of(config, len(ingredients.train))).examples_N))


def require_reserve(n: int) -> None:
    """Raises DataError where no real examples are kept aside: n is 0."""
    if not n:
        raise DataError(
            "source=real",
            found="no real examples that were kept aside",
            expected="a part of the data that is kept aside (the reserve)",
            remedy="Give reserve_fraction=0.2, say; it changes the division of the data.",
        )


def _generator(config: AugmentConfig) -> torch.Generator:
    return torch.Generator().manual_seed(config.augment_seed)


def _training_latents(config: AugmentConfig, ingredients: Ingredients, generator: torch.Generator) -> Tensor:
    z_ND = ingredients.latents.z_ND
    n = wanted_of(config, len(z_ND))
    order = torch.cat([torch.randperm(len(z_ND), generator=generator) for _ in range(ceil(n / len(z_ND)))])
    return z_ND[order[:n]]


def _decoded(z_AD: Tensor, ingredients: Ingredients) -> Augmentation:
    return Augmentation(AugmentationSet(ingredients.codec.decode(z_AD), z_AD))
