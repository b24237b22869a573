"""The decoder: StyleGAN2's generator with skip connections, without noise inputs, so that decoding is a function of z.

The mapping z -> w does without StyleGAN2's pixel norm on z: it would make the decoder blind to |z|, and the norm of a
latent is part of what the density score sees.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from lds_mlflow.models.precision import in_float32
from lds_mlflow.models.stylegan.layers import EqualLinear, ModulatedConv, activate, resampling_filter, upsample

__all__ = ["Decoder"]


class SynthesisBlock(nn.Module):
    """One resolution of the generator: one or two styled convolutions and a toRGB (Karras et al. 2020, figure 7b)."""

    fir: Tensor

    def __init__(self, n_in: int, n_out: int, n_style: int, channels: int, *, up: bool) -> None:
        super().__init__()
        self.up = ModulatedConv(n_in, n_out, n_style, 3, up=True) if up else None
        self.conv = ModulatedConv(n_out, n_out, n_style, 3)
        self.to_rgb = ModulatedConv(n_out, channels, n_style, 1, demodulate=False)
        self.register_buffer("fir", resampling_filter(), persistent=False)

    def forward(self, x: Tensor, image: Tensor | None, w: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the features and the image so far, at this block's resolution."""
        if self.up is not None:
            x = activate(self.up(x, w))
        x = activate(self.conv(x, w))
        rgb: Tensor = self.to_rgb(x, w).float()
        if image is None:
            return x, rgb
        with in_float32(image):
            return x, rgb + upsample(image, self.fir)


class Decoder(nn.Module):
    """Maps latents to images.

    Args:
        channels: Colour channels of an image.
        widths: Feature channels at 4x4, 8x8, ... up to the image's own resolution.
        latent_dim: D.
        style_dim: Width of w.
        mapping_layers: Layers from z to w.
    """

    def __init__(
        self, channels: int, widths: tuple[int, ...], latent_dim: int, style_dim: int, mapping_layers: int
    ) -> None:
        super().__init__()
        sizes = [latent_dim] + [style_dim] * mapping_layers
        self.mapping = nn.ModuleList(EqualLinear(a, b) for a, b in pairwise(sizes))
        self.constant = nn.Parameter(torch.randn(1, widths[0], 4, 4))
        first = SynthesisBlock(widths[0], widths[0], style_dim, channels, up=False)
        rest = [SynthesisBlock(a, b, style_dim, channels, up=True) for a, b in pairwise(widths)]
        self.blocks = nn.ModuleList([first, *rest])

    def forward(self, z: Tensor) -> Tensor:
        """Maps z, [B, D], to images, float32 [B, C, H, W], nominally in -1..1."""
        w = z
        with in_float32(z):
            for layer in self.mapping:
                w = activate(layer(w))
        x = self.constant.expand(len(z), -1, -1, -1).contiguous(memory_format=torch.channels_last)
        image: Tensor | None = None
        for block in self.blocks:
            x, image = block(x, image, w)
        assert image is not None
        return image
