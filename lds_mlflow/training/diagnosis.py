"""Figures that tell whether a variational autoencoder is healthy."""

import torch
from torch import Tensor

from lds_mlflow.models.coding import decode_latents, encode_examples
from lds_mlflow.models.stylegan import VAE, Posterior

__all__ = ["active_units", "diagnose"]

_ACTIVE_VARIANCE = 0.01
_AT_ONCE = 256


def active_units(mean_ND: Tensor) -> int:
    """Number of latent dimensions whose posterior mean varies over the data by more than 0.01.

    Source: Burda, Grosse and Salakhutdinov, Importance Weighted Autoencoders, 2016, section 5.2.
    """
    return int((mean_ND.var(0) > _ACTIVE_VARIANCE).sum())


def diagnose(model: VAE, images_NCHW: Tensor, rows_N: Tensor) -> dict[str, float]:
    """Measures a model on images.

    Args:
        model: The model.
        images_NCHW: The images, uint8 [N, C, H, W].
        rows_N: Their places among the training images, int64; beyond these for others.

    Returns:
        `active_units`; `mean_over_spread`, |average mu| over the root mean square distance of mu from it (the draft's
        bandwidth depends on how far from the origin the latents lie); `reconstruction_mse` in 0..1 pixel units; `kl`,
        log q(z | x) - log p(z), in nats an image (of one draw of each posterior, where the prior is not N(0, I)).
    """
    mean, log_variance = encode_examples(model, images_NCHW)
    centre = mean.mean(0)
    spread = (mean - centre).square().sum(1).mean().sqrt()
    pairs = zip(mean.split(_AT_ONCE), images_NCHW.split(_AT_ONCE), strict=True)
    errors = [(decode_latents(model, z).float() - images.float()).square().double().sum() for z, images in pairs]
    return {
        "active_units": float(active_units(mean)),
        "mean_over_spread": (centre.norm() / spread.clamp_min(torch.finfo(spread.dtype).tiny)).item(),
        "reconstruction_mse": sum(errors).item() / images_NCHW.numel() / 255**2,
        "kl": _divergence(model, Posterior(mean, log_variance), rows_N),
    }


@torch.inference_mode()
def _divergence(model: VAE, posterior: Posterior, rows_N: Tensor) -> float:
    z = posterior.sample(torch.Generator().manual_seed(0))
    on_device = Posterior(*(part.to(model.device) for part in posterior))
    return model.divergence(z.to(model.device), on_device, rows_N.to(model.device)).mean().item()
