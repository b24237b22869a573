"""The StyleGAN2-structured variational autoencoder."""

from lds_mlflow.models.stylegan.discriminator import Discriminator
from lds_mlflow.models.stylegan.losses import gaussian_nll, kl_divergence
from lds_mlflow.models.stylegan.model import VAE, Posterior, VaeSpec
from lds_mlflow.models.stylegan.presets import PRESETS, spec_for
from lds_mlflow.models.stylegan.priors import ExemplarPrior, Mixture, log_posterior

__all__ = [
    "PRESETS",
    "VAE",
    "Discriminator",
    "ExemplarPrior",
    "Mixture",
    "Posterior",
    "VaeSpec",
    "gaussian_nll",
    "kl_divergence",
    "log_posterior",
    "spec_for",
]
