"""The StyleGAN2-structured variational autoencoder."""

from lds_mlflow.vae.losses import gaussian_nll, kl_divergence
from lds_mlflow.vae.model import VAE, Posterior, VaeSpec
from lds_mlflow.vae.presets import PRESETS, spec_for

__all__ = ["PRESETS", "VAE", "Posterior", "VaeSpec", "gaussian_nll", "kl_divergence", "spec_for"]
