"""A model with the distribution of its latents, by the sampler that is configured."""

from collections.abc import Mapping
from typing import Any

from lds_mlflow.choices import call, look_up
from lds_mlflow.choices.samplers import SAMPLERS
from lds_mlflow.config import SamplerSettings
from lds_mlflow.models import Codec, Posterior
from lds_mlflow.samplers import Generator

__all__ = ["generator_as_configured"]


def generator_as_configured(config: SamplerSettings, sampler: str, codec: Codec, posterior: Posterior) -> Generator:
    """Returns a model with the distribution that its latents are drawn from.

    Args:
        config: The parameters of the samplers.
        sampler: A name of SAMPLERS. What its function takes is a parameter, the `codec`, or `z_ND` and
            `log_variance_ND` of the posterior.
        codec: The model.
        posterior: The posteriors of the training examples, [N, D].

    Raises:
        ConfigError: There is no such sampler.
    """
    of_model: Mapping[str, Any] = {
        "codec": codec,
        "z_ND": posterior.mean,
        "log_variance_ND": posterior.log_variance,
    }

    def known(name: str) -> Any:
        return of_model[name] if name in of_model else getattr(config, name)

    return Generator(codec, call(look_up(SAMPLERS, sampler, "sampler"), known))
