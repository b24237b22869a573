"""The StyleGAN2-structured variational autoencoder."""

from lds_mlflow.models.stylegan.discriminator import Discriminator
from lds_mlflow.models.stylegan.losses import gaussian_nll, kl_divergence
from lds_mlflow.models.stylegan.model import VAE, VaeSpec
from lds_mlflow.models.stylegan.presets import spec_for, spec_of
from lds_mlflow.models.stylegan.priors import ExemplarPrior

__all__ = [
    "VAE",
    "Discriminator",
    "ExemplarPrior",
    "VaeSpec",
    "gaussian_nll",
    "kl_divergence",
    "spec_for",
    "spec_of",
]
