"""Samplers: functions that fit a `LatentDistribution` to a model and the posteriors of the training examples.

An argument is given by a parameter of the samplers, or by what is known of the model (`lds_mlflow.recipes.samplers`
says what there is). The distribution has the sampler's name in it, by which it is drawn from when it is loaded again.
"""

from dataclasses import dataclass

from lds_mlflow.choices.choice import Choice

__all__ = ["COMPARED", "FEWEST_OF_A_NETWORK", "PRIOR", "SAMPLERS", "SamplerChoice"]

PRIOR = "prior"
"""The sampler that needs no training latents."""

FEWEST_OF_A_NETWORK = 10
"""The fewest training latents that a network is fitted to."""


@dataclass(frozen=True, slots=True)
class SamplerChoice(Choice):
    """A sampler.

    Attributes:
        draws: Where the function is that draws latents from its distribution, a generator each.
        can_be_calibrated: Whether its bandwidth can be the one that the step `calibrate` finds.
        of_rows: Where the function is that returns its distribution of some of the training latents alone, for samples
            of one class; empty where it isn't made of single training latents, and so has no classes.
        has_weights: Whether its training latents have weights, for samples with other class shares.
        fewest_latents: The fewest training latents that it can be fitted to.
        register_compares: Whether the step `register` compares it with others where it is to choose. Those that take
            seconds to fit or to draw from are compared by `ablate` alone, and registered where they are asked for.
    """

    draws: str = "lds_mlflow.samplers.mixtures:draw_mixture"
    can_be_calibrated: bool = False
    of_rows: str = ""
    has_weights: bool = False
    fewest_latents: int = 1
    register_compares: bool = True


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
    "flow": SamplerChoice(
        "a flow-matching prior: a network that carries noise to training latents",
        "lds_mlflow.samplers.flow:flow_matching",
        {"z_ND": "z_ND", "log_variance_ND": "log_variance_ND", "steps": "flow_steps"},
        draws="lds_mlflow.samplers.flow:draw_flow",
        fewest_latents=FEWEST_OF_A_NETWORK,
        register_compares=False,
    ),
    "ncp": SamplerChoice(
        "a noise contrastive prior: draws of the prior that look like training latents",
        "lds_mlflow.samplers.noise_contrastive:noise_contrastive",
        {"codec": "codec", "z_ND": "z_ND", "log_variance_ND": "log_variance_ND"},
        draws="lds_mlflow.samplers.noise_contrastive:draw_noise_contrastive",
        fewest_latents=FEWEST_OF_A_NETWORK,
        register_compares=False,
    ),
    "polarity": SamplerChoice(
        "draws of the prior, weighted by how much the decoder stretches space there",
        "lds_mlflow.samplers.polarity:polarity_sampling",
        {"codec": "codec", "polarity": "polarity"},
        register_compares=False,
    ),
}
"""The samplers by name."""

COMPARED = tuple(name for name, choice in SAMPLERS.items() if choice.register_compares)
"""The samplers among which the step `register` chooses."""
