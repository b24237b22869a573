"""A from other sources than interpolants."""

from math import ceil

import torch
from torch import Tensor

from lds_mlflow.config import AugmentConfig
from lds_mlflow.data import PIXEL_AUGMENTATIONS, augment_pixels
from lds_mlflow.errors import DataError
from lds_mlflow.latent import bandwidth
from lds_mlflow.models.coding import decode_latents
from lds_mlflow.models.stylegan import VAE
from lds_mlflow.recipes.samplers import prior_of
from lds_mlflow.recipes.scoring import wanted_of
from lds_mlflow.samplers import draw_latents
from lds_mlflow.values import AugmentationSet, ExampleSet, LatentDistribution, LatentSet

__all__ = ["control_latents", "control_set", "real_images"]

_FIRST_SEED_OF_A = 2**31
"""Far from the seeds that evaluations draw."""


def control_set(
    config: AugmentConfig, latents: LatentSet, model: VAE, train: ExampleSet, reserve: ExampleSet | None
) -> AugmentationSet:
    """Returns the A of a control.

    Args:
        config: The configuration: source is not interpolants.
        latents: The training latents.
        model: The model that encoded them.
        train: The training images.
        reserve: Real images that were kept aside, or None where there are none.
    """
    if config.source == "real":
        return real_images(config, reserve, len(train))
    if config.source in PIXEL_AUGMENTATIONS:
        n = wanted_of(config, len(train))
        return AugmentationSet(augment_pixels(train.examples_N, config.source, n, seed=config.augment_seed))
    z_AD = control_latents(config, latents, prior_of(model))
    return AugmentationSet(decode_latents(model, z_AD), z_AD)


def control_latents(config: AugmentConfig, latents: LatentSet, prior: LatentDistribution) -> Tensor:
    """Returns the latents that a control's A is decoded from, float32 [A, D].

    Args:
        config: The configuration: source is prior, reconstructions or noise.
        latents: The training latents.
        prior: The model's prior.
    """
    z_ND, seed = latents.z_ND, config.augment_seed
    n = wanted_of(config, len(z_ND))
    if config.source == "prior":
        return draw_latents(prior, [(_FIRST_SEED_OF_A + seed * 2**20 + i) % 2**32 for i in range(n)])
    generator = torch.Generator().manual_seed(seed)
    order = torch.cat([torch.randperm(len(z_ND), generator=generator) for _ in range(ceil(n / len(z_ND)))])
    chosen = z_ND[order[:n]]
    if config.source == "reconstructions":
        return chosen
    width = bandwidth(z_ND, config.sigma, multiplier=config.sigma_multiplier)
    return chosen + width.sigma * torch.randn(chosen.shape, generator=generator)


def real_images(config: AugmentConfig, reserve: ExampleSet | None, n_train: int) -> AugmentationSet:
    """Returns more real images as A: as many as there would be of others, or all that there are.

    Raises:
        DataError: None were kept aside.
    """
    if reserve is None:
        raise DataError(
            "source=real",
            found="no real images that were kept aside",
            expected="a part of the images for it",
            remedy="Give reserve_fraction=0.2, say; it changes the division of the images.",
        )
    return AugmentationSet(reserve.spread(wanted_of(config, n_train)).examples_N)
