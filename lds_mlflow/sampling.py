"""Latents -> images, and images -> latents. An image doesn't depend on what is decoded with it."""

import torch
from torch import Tensor

from lds_mlflow.vae import VAE, ExemplarPrior

__all__ = ["decode_latents", "encode_images", "keep_exemplars", "pixels_of", "to_model_range"]

_BATCH = 256
_DECODED_AT_ONCE = 4
"""Every decoding has this shape: a batch of another size may round the last bit of a pixel another way."""


def to_model_range(images: Tensor) -> Tensor:
    """Maps uint8 0..255 to float32 -1..1."""
    return images.float() / 127.5 - 1


def pixels_of(images: Tensor) -> Tensor:
    """Maps -1..1 to uint8 0..255; what lies outside is clipped."""
    return ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


@torch.inference_mode()
def decode_latents(model: VAE, z_SD: Tensor) -> Tensor:
    """Decodes latents: float [S, D] -> uint8 [S, C, H, W], on the CPU. An image doesn't depend on its neighbours."""
    n_filling = -len(z_SD) % _DECODED_AT_ONCE
    filled = torch.cat([z_SD, z_SD.new_zeros(n_filling, z_SD.shape[1])])
    images = [pixels_of(model.decode(z.to(model.device))).cpu() for z in filled.split(_DECODED_AT_ONCE)]
    return torch.cat(images)[: len(z_SD)]


@torch.inference_mode()
def encode_images(model: VAE, images_NCHW: Tensor) -> tuple[Tensor, Tensor]:
    """Encodes images in batches: uint8 [N, C, H, W] -> posterior mean and log variance, float32 [N, D], on the CPU."""
    posteriors = [model.encode(to_model_range(x.to(model.device))) for x in images_NCHW.split(_BATCH)]
    means = torch.cat([posterior.mean.cpu() for posterior in posteriors])
    return means, torch.cat([posterior.log_variance.cpu() for posterior in posteriors])


def keep_exemplars(model: VAE, images_NCHW: Tensor) -> None:
    """Sets the exemplars of an exemplar prior to the posterior means of the first images, uint8 [N, C, H, W].

    A model with another prior is left as it is.
    """
    if isinstance(model.prior, ExemplarPrior):
        means, _ = encode_images(model, images_NCHW[: len(model.prior.exemplars)])
        model.prior.exemplars.copy_(means)
