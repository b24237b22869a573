"""A model with the distribution of its latents, by the sampler that is configured."""

from collections.abc import Mapping
from typing import Any

from lds_mlflow.choices import call, look_up
from lds_mlflow.choices.bandwidths import CALIBRATED, DRAFTS_BANDWIDTH
from lds_mlflow.choices.samplers import SAMPLERS
from lds_mlflow.config import SamplerSettings
from lds_mlflow.models import Codec, Posterior
from lds_mlflow.samplers import Generator
from lds_mlflow.samplers.checks import require_components, require_number
from lds_mlflow.tracking.context import Context
from lds_mlflow.values import Calibration

__all__ = ["calibration_in", "generator_as_configured", "require_latents"]


def calibration_in(context: Context) -> Calibration | None:
    """Returns the bandwidth that a step was given, or None where it was given none."""
    found = context.inputs.get("calibrate")
    return None if found is None else found.load(Calibration, "calibration")


def require_latents(config: SamplerSettings, sampler: str, n: int) -> None:
    """Raises DataError where there are fewer training latents than a sampler, a name of SAMPLERS, can be fitted to."""
    choice = SAMPLERS[sampler]
    if "sampler_components" in choice.takes.values():
        require_components(config.sampler_components, n)
    require_number(n, choice.fewest_latents)


def generator_as_configured(
    config: SamplerSettings, sampler: str, codec: Codec, posterior: Posterior, calibration: Calibration | None = None
) -> Generator:
    """Returns a model with the distribution that its latents are drawn from.

    Args:
        config: The parameters of the samplers.
        sampler: A name of SAMPLERS. What its function takes is a parameter, the `codec`, or `z_ND` and
            `log_variance_ND` of the posterior.
        codec: The model.
        posterior: The posteriors of the training examples, [N, D].
        calibration: The bandwidth that `sampler_sigma=calibrated` stands for. Without one, and for samplers that can't
            be calibrated, that is the draft's.

    Raises:
        ConfigError: There is no such sampler.
    """
    of_model: Mapping[str, Any] = {
        "codec": codec,
        "z_ND": posterior.mean,
        "log_variance_ND": posterior.log_variance,
        "sampler_sigma": _sigma(config, sampler, calibration),
    }

    def known(name: str) -> Any:
        return of_model[name] if name in of_model else getattr(config, name)

    return Generator(codec, call(look_up(SAMPLERS, sampler, "sampler"), known))


def _sigma(config: SamplerSettings, sampler: str, calibration: Calibration | None) -> str:
    if config.sampler_sigma != CALIBRATED:
        return config.sampler_sigma
    if calibration is None or not SAMPLERS[sampler].can_be_calibrated:
        return DRAFTS_BANDWIDTH
    return str(calibration.sigma)
