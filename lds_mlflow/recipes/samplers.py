"""What latents of samples are drawn from, by the sampler that is configured."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from lds_mlflow.choices import call, look_up
from lds_mlflow.choices.samplers import SAMPLERS
from lds_mlflow.config import SamplerSettings
from lds_mlflow.models.stylegan import VAE
from lds_mlflow.samplers import prior_distribution
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
        config: The parameters of the samplers.
        sampler: A name of SAMPLERS. What its function takes is a parameter, or one of the following by its name here.
        model: The model.
        z_ND: Posterior means of the training examples, float32 [N, D].
        log_variance_ND: Posterior log variances, likewise.

    Raises:
        ConfigError: There is no such sampler.
    """
    of_model: Mapping[str, Any] = {"model": model, "z_ND": z_ND, "log_variance_ND": log_variance_ND}

    def known(name: str) -> Any:
        return of_model[name] if name in of_model else getattr(config, name)

    distribution: LatentDistribution = call(look_up(SAMPLERS, sampler, "sampler"), known)
    return distribution
