"""Mixtures of diagonal Gaussians, which priors of latents are."""

from math import log, pi
from typing import NamedTuple

import torch
from torch import Tensor

from lds_mlflow.models.precision import in_float32

__all__ = ["Mixture", "log_posterior"]


class Mixture(NamedTuple):
    """Equal parts of K diagonal Gaussians: mean_KD, and log_variance_KD or one that broadcasts to it."""

    mean_KD: Tensor
    log_variance_KD: Tensor

    def log_density(self, z_BD: Tensor, left_out_B: Tensor | None = None) -> Tensor:
        """Returns log p(z), [B].

        Args:
            z_BD: Latents.
            left_out_B: A component that is left out of each one's density, int64; K or above leaves none out.
        """
        n = len(self.mean_KD)
        precision = torch.exp(-self.log_variance_KD)
        # |z - mu|^2 / s^2, expanded, so that B x K x D is never held.
        scaled = self.mean_KD * precision
        with in_float32(z_BD):
            square = z_BD.square() @ precision.expand_as(self.mean_KD).T - 2 * z_BD @ scaled.T
        square = square + (self.mean_KD * scaled).sum(1)
        log_norm = (self.log_variance_KD + log(2 * pi)).expand_as(self.mean_KD).sum(1)
        log_parts_BK = -0.5 * (square.clamp(min=0) + log_norm)
        count = torch.full((len(z_BD),), float(n), device=z_BD.device)
        if left_out_B is not None:
            own = torch.arange(n, device=z_BD.device) == left_out_B[:, None]
            log_parts_BK = log_parts_BK.masked_fill(own, -torch.inf)
            count = count - own.sum(1)
        return torch.logsumexp(log_parts_BK, 1) - count.log()


def log_posterior(z_BD: Tensor, mean_BD: Tensor, log_variance_BD: Tensor) -> Tensor:
    """Returns log N(z; mean, exp(log_variance)) of every latent with its own Gaussian, [B], in nats."""
    square = (z_BD - mean_BD).square() * torch.exp(-log_variance_BD)
    return -0.5 * (square + log_variance_BD + log(2 * pi)).sum(1)
