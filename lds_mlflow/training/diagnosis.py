"""Figures that tell whether a variational autoencoder is healthy."""

import torch
from torch import Tensor

from lds_mlflow.sampling import decode_latents, encode_images
from lds_mlflow.vae import VAE, kl_divergence

__all__ = ["active_units", "diagnose"]

_ACTIVE_VARIANCE = 0.01


def active_units(mean_ND: Tensor) -> int:
    """Number of latent dimensions whose posterior mean varies over the data by more than 0.01.

    Source: Burda, Grosse and Salakhutdinov, Importance Weighted Autoencoders, 2016, section 5.2.
    """
    return int((mean_ND.var(0) > _ACTIVE_VARIANCE).sum())


def diagnose(model: VAE, images_NCHW: Tensor) -> dict[str, float]:
    """Measures a model on images, uint8 [N, C, H, W].

    Returns:
        `active_units`; `mean_over_spread`, |average mu| over the root mean square distance of mu from it (the draft's
        bandwidth depends on how far from the origin the latents lie); `reconstruction_mse` in 0..1 pixel units; `kl` in
        nats an image.
    """
    mean, log_variance = encode_images(model, images_NCHW)
    centre = mean.mean(0)
    spread = (mean - centre).square().sum(1).mean().sqrt()
    error = (decode_latents(model, mean).float() - images_NCHW.float()) / 255
    return {
        "active_units": float(active_units(mean)),
        "mean_over_spread": (centre.norm() / spread.clamp_min(torch.finfo(spread.dtype).tiny)).item(),
        "reconstruction_mse": error.square().mean().item(),
        "kl": kl_divergence(mean, log_variance).mean().item(),
    }
