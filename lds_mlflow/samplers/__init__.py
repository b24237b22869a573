"""Where latents of samples are drawn from: the prior, or a distribution that is fitted to the training latents.

Arrays in, arrays out: usable on anyone's latents.
"""

from lds_mlflow.samplers.draws import draw_dense_latents, draw_latents
from lds_mlflow.samplers.fitted import (
    PRIOR,
    SAMPLERS,
    aggregate_gaussian,
    aggregate_mixture,
    dense_interpolants,
    latent_density,
    prior_distribution,
    standard_normal,
)

__all__ = [
    "PRIOR",
    "SAMPLERS",
    "aggregate_gaussian",
    "aggregate_mixture",
    "dense_interpolants",
    "draw_dense_latents",
    "draw_latents",
    "latent_density",
    "prior_distribution",
    "standard_normal",
]
