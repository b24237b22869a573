"""The two terms of the evidence lower bound, in nats an image."""

from collections.abc import Callable
from math import log, pi

import torch
from torch import Tensor

__all__ = ["gaussian_nll", "kl_divergence"]

_MSE_FLOOR = 1e-6


def gaussian_nll(x: Tensor, y: Tensor, over_all: Callable[[Tensor], Tensor] = lambda mean: mean) -> Tensor:
    r"""Negative log likelihood under a Gaussian whose variance is the optimal one for the batch.

    With P pixels an image, min over sigma of -log N(x; y, sigma^2 I) is P/2 (log(2 pi MSE) + 1): Rybkin, Daniilidis and
    Levine, Simple and Effective VAE Training with Calibrated Decoders, 2021, equation 6. It is written as
    P/2 (log(2 pi sigma^2) + MSE / sigma^2) at sigma^2 = MSE, whose gradient is the same, since the optimum is flat.

    Args:
        x: Images, [B, C, H, W].
        y: Reconstructions, likewise.
        over_all: Takes the mean of a figure over the other parts of the batch too, which other processes have.

    Returns:
        A scalar, in nats an image.
    """
    mse = (x - y).square().mean()
    variance = over_all(mse.detach()).clamp_min(_MSE_FLOOR)
    return 0.5 * x[0].numel() * (torch.log(variance) + log(2 * pi) + mse / variance)


def kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, exp(log_variance)) || N(0, I)) of every image: [B, D] -> [B], in nats.

    Source: Kingma and Welling, Auto-Encoding Variational Bayes, 2014, appendix B.
    """
    return 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).sum(1)
