"""Where latents of samples are drawn from: the prior, or a distribution that is fitted to the training latents.

Arrays in, arrays out: usable on anyone's latents. The shapes, by their suffixes: N training latents, S seeds, B latents
of a batch, K components of a mixture, M candidates, D dimensions of a latent.
"""

from lds_mlflow.samplers.draws import draw_dense_latents, draw_latents
from lds_mlflow.samplers.flow import flow_matching
from lds_mlflow.samplers.generator import Generator, prior_of
from lds_mlflow.samplers.interpolants import dense_interpolants
from lds_mlflow.samplers.mixtures import (
    aggregate_gaussian,
    aggregate_mixture,
    latent_density,
    prior_distribution,
    standard_normal,
)
from lds_mlflow.samplers.noise_contrastive import noise_contrastive
from lds_mlflow.samplers.polarity import polarity_sampling

__all__ = [
    "Generator",
    "aggregate_gaussian",
    "aggregate_mixture",
    "dense_interpolants",
    "draw_dense_latents",
    "draw_latents",
    "flow_matching",
    "latent_density",
    "noise_contrastive",
    "polarity_sampling",
    "prior_distribution",
    "prior_of",
    "standard_normal",
]
