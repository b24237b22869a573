"""The encoder: StyleGAN2's residual discriminator without its minibatch standard deviation, ending in a posterior."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from lds_mlflow.models.precision import in_float32
from lds_mlflow.models.stylegan.layers import GAIN, ConvDown, EqualConv2d, EqualLinear, activate, in_format_of
from lds_mlflow.models.stylegan.resampling import downsample

__all__ = ["LOG_VARIANCE_RANGE", "Encoder"]

LOG_VARIANCE_RANGE = (-10.0, 4.0)
"""Bounds of log sigma^2 of the posterior: outside, exp leaves what float32 and a sane posterior can hold."""

_MEAN_GAIN = 0.1


class ResidualDown(nn.Module):
    """Two 3x3 convolutions, the second halving the size, beside a 1x1 skip (Karras et al. 2020, figure 7c).

    The division of the sum by sqrt(2), which keeps the variance, is in the gains of both.
    """

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.conv = EqualConv2d(n_in, n_in, 3, gain=GAIN)
        self.down = ConvDown(n_in, n_out)
        self.skip = EqualConv2d(n_in, n_out, 1, bias=False, gain=1 / GAIN)

    def forward(self, x: Tensor) -> Tensor:
        """Maps [B, n_in, H, W] to [B, n_out, H/2, W/2]."""
        skip: Tensor = self.skip(downsample(x))
        return activate(self.down(activate(self.conv(x)))) + skip


class Encoder(nn.Module):
    """Maps images to the mean and log variance of a diagonal Gaussian over z.

    Args:
        channels: Colour channels of an image.
        widths: Feature channels at 4x4, 8x8, ... up to the image's own resolution.
        latent_dim: D.
    """

    def __init__(self, channels: int, widths: tuple[int, ...], latent_dim: int) -> None:
        super().__init__()
        falling = widths[::-1]
        self.from_rgb = EqualConv2d(channels, falling[0], 1, gain=GAIN)
        self.blocks = nn.ModuleList(ResidualDown(n_in, n_out) for n_in, n_out in pairwise(falling))
        self.conv = EqualConv2d(widths[0], widths[0], 3, gain=GAIN)
        self.hidden = EqualLinear(widths[0] * 16, widths[0], gain=GAIN, bias_gain=GAIN)
        self.mean = EqualLinear(widths[0], latent_dim, gain=_MEAN_GAIN)
        self.log_variance = EqualLinear(widths[0], latent_dim)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Maps x, [B, C, H, W] in -1..1, to mu and log sigma^2, each float32 [B, D]."""
        # Colours are too few to say in which format they are.
        x = activate(in_format_of(self.from_rgb(x), self.conv.weight))
        for block in self.blocks:
            x = block(x)
        x = activate(self.conv(x))
        with in_float32(x):
            x = activate(self.hidden(torch.flatten(x, 1).float()))
            return self.mean(x), self.log_variance(x).clamp(*LOG_VARIANCE_RANGE)
