"""Samplers: functions that fit a `LatentDistribution` to a model and the posteriors of the training examples.

An argument is given by a parameter of the samplers, or by what is known of the model (`lds_mlflow.recipes.samplers`
says what there is). The distribution has the sampler's name in it, by which it is drawn from when it is loaded again.
"""

from dataclasses import dataclass

from lds_mlflow.choices.choice import Choice

__all__ = ["PRIOR", "SAMPLERS", "SamplerChoice"]

PRIOR = "prior"
"""The sampler that needs no training latents."""


@dataclass(frozen=True, slots=True)
class SamplerChoice(Choice):
    """A sampler.

    Attributes:
        draws: Where the function is that draws latents from its distribution, a generator each.
        can_be_calibrated: Whether its bandwidth can be the one that the step `calibrate` finds.
        of_rows: Where the function is that returns its distribution of some of the training latents alone, for samples
            of one class; empty where it isn't made of single training latents, and so has no classes.
        has_weights: Whether its training latents have weights, for samples with other class shares.
    """

    draws: str = "lds_mlflow.samplers.mixtures:draw_mixture"
    can_be_calibrated: bool = False
    of_rows: str = ""
    has_weights: bool = False


SAMPLERS = {
    PRIOR: SamplerChoice("the model's prior", "lds_mlflow.samplers.generator:prior_of", {"codec": "codec"}),
    "gaussian": SamplerChoice(
        "a Gaussian of the aggregate posterior",
        "lds_mlflow.samplers.mixtures:aggregate_gaussian",
        {"z_ND": "z_ND", "log_variance_ND": "log_variance_ND"},
    ),
    "mixture": SamplerChoice(
        "a mixture of Gaussians of the aggregate posterior",
        "lds_mlflow.samplers.mixtures:aggregate_mixture",
        {"z_ND": "z_ND", "log_variance_ND": "log_variance_ND", "components": "sampler_components"},
    ),
    "density": SamplerChoice(
        "the latent density",
        "lds_mlflow.samplers.mixtures:latent_density",
        {"z_ND": "z_ND", "sigma": "sampler_sigma", "kernel": "sampler_kernel"},
        can_be_calibrated=True,
        of_rows="lds_mlflow.samplers.mixtures:density_of_rows",
        has_weights=True,
    ),
    "interpolants": SamplerChoice(
        "interpolants of neighbours that are as dense as training latents",
        "lds_mlflow.samplers.interpolants:dense_interpolants",
        {"z_ND": "z_ND", "sigma": "sampler_sigma"},
        draws="lds_mlflow.samplers.interpolants:draw_interpolants",
        of_rows="lds_mlflow.samplers.interpolants:interpolants_of_rows",
    ),
}
"""The samplers by name."""
