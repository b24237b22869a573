"""Latents -> images, and images -> latents. An image doesn't depend on what is decoded with it."""

import torch
from torch import Tensor, nn

from lds_mlflow.machine.batches import in_batches
from lds_mlflow.machine.ranks import ALONE, Ranks
from lds_mlflow.models.stylegan import VAE, ExemplarPrior

__all__ = ["decode_latents", "encode_examples", "keep_exemplars", "pixels_of", "to_model_range"]

_BATCH = 256
_DECODED_AT_ONCE = 4
"""Every decoding has this shape: a batch of another size may round the last bit of a pixel another way."""


def to_model_range(images: Tensor) -> Tensor:
    """Maps uint8 0..255 to float32 -1..1."""
    return images.float() / 127.5 - 1


def pixels_of(images: Tensor) -> Tensor:
    """Maps -1..1 to uint8 0..255; what lies outside is clipped."""
    return ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


class _Decoding(nn.Module):
    def __init__(self, model: VAE) -> None:
        super().__init__()
        self.model = model

    def forward(self, z_BD: Tensor) -> Tensor:
        n_filling = -len(z_BD) % _DECODED_AT_ONCE
        filled = torch.cat([z_BD, z_BD.new_zeros(n_filling, z_BD.shape[1])])
        images = [pixels_of(self.model.decode(z.to(self.model.device))) for z in filled.split(_DECODED_AT_ONCE)]
        return torch.cat(images)[: len(z_BD)]


class _Encoding(nn.Module):
    def __init__(self, model: VAE) -> None:
        super().__init__()
        self.model = model

    def forward(self, images_BCHW: Tensor) -> Tensor:
        return torch.cat(self.model.encode(to_model_range(images_BCHW.to(self.model.device))), 1)


def decode_latents(model: VAE, z_SD: Tensor, *, ranks: Ranks = ALONE) -> Tensor:
    """Decodes latents: float [S, D] -> uint8 [S, C, H, W], on the CPU. An image doesn't depend on its neighbours.

    Args:
        model: The network.
        z_SD: The latents.
        ranks: The processes that share them.
    """
    return in_batches(_Decoding(model), z_SD, _BATCH, "decoding", ranks=ranks)


def encode_examples(model: VAE, images_NCHW: Tensor, *, ranks: Ranks = ALONE) -> tuple[Tensor, Tensor]:
    """Encodes images: uint8 [N, C, H, W] -> posterior mean and log variance, float32 [N, D], on the CPU.

    Args:
        model: The network.
        images_NCHW: The images, which may lie in a file that is mapped into memory.
        ranks: The processes that share them.
    """
    mean, log_variance = in_batches(_Encoding(model), images_NCHW, _BATCH, "encoding", ranks=ranks).chunk(2, 1)
    return mean.contiguous(), log_variance.contiguous()


def keep_exemplars(model: VAE, images_NCHW: Tensor) -> None:
    """Sets the exemplars of an exemplar prior to the posterior means of the first images, uint8 [N, C, H, W].

    A model with another prior is left as it is.
    """
    if isinstance(model.prior, ExemplarPrior):
        means, _ = encode_examples(model, images_NCHW[: len(model.prior.exemplars)])
        model.prior.exemplars.copy_(means)
