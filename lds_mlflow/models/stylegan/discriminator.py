"""StyleGAN2's discriminator: residual blocks, the standard deviation over the minibatch, and one number an image."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from lds_mlflow.models.autoencoder import Critic
from lds_mlflow.models.precision import in_float32
from lds_mlflow.models.stylegan.encoder import ResidualDown
from lds_mlflow.models.stylegan.layers import GAIN, EqualConv2d, EqualLinear, activate, in_format_of

__all__ = ["Discriminator"]

_GROUP = 4
_TINY = 1e-8


class Discriminator(Critic):
    """Tells real images from others.

    Args:
        channels: Colour channels of an image.
        widths: Feature channels at 4x4, 8x8, ... up to the image's own resolution.
    """

    def __init__(self, channels: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        falling = widths[::-1]
        self.from_rgb = EqualConv2d(channels, falling[0], 1, gain=GAIN)
        self.blocks = nn.ModuleList(ResidualDown(n_in, n_out) for n_in, n_out in pairwise(falling))
        self.conv = EqualConv2d(widths[0] + 1, widths[0], 3, gain=GAIN)
        self.hidden = EqualLinear(widths[0] * 16, widths[0], gain=GAIN, bias_gain=GAIN)
        self.verdict = EqualLinear(widths[0], 1)
        self.to(memory_format=torch.channels_last)

    def features(self, x: Tensor) -> Tensor:
        """Maps images, [B, C, H, W] in -1..1, to the features that decide whether they are real, float32 [B, F]."""
        return self._features(x, 1)[0]

    def judge(self, x: Tensor, sets: int = 1) -> tuple[Tensor, Tensor]:
        """Maps images, [B, C, H, W] in -1..1, to logits and to the features after the middle block; see Critic."""
        last, middle = self._features(x, sets)
        with in_float32(last):
            logits: Tensor = self.verdict(last)[:, 0]
        return logits, middle

    def forward(self, x: Tensor, sets: int = 1) -> Tensor:
        """Maps images, [B, C, H, W] in -1..1, to logits of being real, float32 [B]; see Critic."""
        return self.judge(x, sets)[0]

    def _features(self, x: Tensor, sets: int) -> tuple[Tensor, Tensor]:
        """Returns the last features, and those after the middle block."""
        # Colours are too few to say in which format they are.
        x = activate(in_format_of(self.from_rgb(x), self.conv.weight))
        maps = []
        for block in self.blocks:
            x = block(x)
            maps.append(x)
        x = activate(self.conv(torch.cat([x, _deviation_over_batch(x, sets)], 1)))
        with in_float32(x):
            last: Tensor = activate(self.hidden(torch.flatten(x, 1).float()))
        return last, maps[len(maps) // 2]


def _deviation_over_batch(x: Tensor, sets: int) -> Tensor:
    """Returns a channel that holds how much an image's group of four differs (Karras et al. 2018, section 3)."""
    n, _, height, width = x.shape
    a_set = n // sets
    group = _GROUP if a_set % _GROUP == 0 else a_set
    grouped = x.float().reshape(sets, group, a_set // group, -1)
    variance = (grouped - grouped.mean(1, keepdim=True)).square().mean(1)
    deviation = (variance + _TINY).sqrt().mean(-1, keepdim=True)
    of_each = deviation[:, None].expand(-1, group, -1, height * width)
    return of_each.reshape(n, 1, height, width).to(x.dtype)
