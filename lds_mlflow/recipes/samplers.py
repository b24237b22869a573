"""What the configuration of a sampler asks of the samplers room."""

from torch import Tensor

from lds_mlflow.config import SamplerSettings
from lds_mlflow.models.stylegan import VAE
from lds_mlflow.samplers import (
    aggregate_gaussian,
    aggregate_mixture,
    dense_interpolants,
    latent_density,
    prior_distribution,
)
from lds_mlflow.values import LatentDistribution

__all__ = ["distribution_as_configured", "prior_of"]


def prior_of(model: VAE) -> LatentDistribution:
    """Returns a model's own prior."""
    return prior_distribution(model.prior_mixture(), model.spec.latent_dim)


def distribution_as_configured(
    config: SamplerSettings, sampler: str, model: VAE, z_ND: Tensor, log_variance_ND: Tensor
) -> LatentDistribution:
    """Returns what latents are drawn from.

    Args:
        config: What it depends on.
        sampler: One of SAMPLERS.
        model: The model.
        z_ND: Posterior means of the training images.
        log_variance_ND: Posterior log variances, likewise.
    """
    if sampler == "gaussian":
        return aggregate_gaussian(z_ND, log_variance_ND)
    if sampler == "mixture":
        return aggregate_mixture(z_ND, log_variance_ND, components=config.sampler_components)
    if sampler == "density":
        return latent_density(z_ND, sigma=config.sampler_sigma)
    if sampler == "interpolants":
        return dense_interpolants(z_ND, sigma=config.sampler_sigma)
    return prior_of(model)
