"""The decoder: StyleGAN2's generator with skip connections. Decoding is a function of z, also with noise inputs.

The mapping z -> w does without StyleGAN2's pixel norm on z: it would make the decoder blind to |z|, and the norm of a
latent is part of what the density score sees.
"""

from collections.abc import Iterator
from itertools import pairwise, repeat

import torch
from torch import Tensor, nn

from lds_mlflow.models.precision import in_float32
from lds_mlflow.models.stylegan.layers import GAIN, EqualLinear, ModulatedConv, ToImage, activate
from lds_mlflow.models.stylegan.noise import NoiseInputs
from lds_mlflow.models.stylegan.resampling import upsample

__all__ = ["Decoder"]


class SynthesisBlock(nn.Module):
    """One resolution of the generator: one or two styled convolutions and a toRGB (Karras et al. 2020, figure 7b).

    Attributes:
        style_widths: Width of the style of each, in their order.
    """

    def __init__(self, n_in: int, n_out: int, channels: int, *, up: bool) -> None:
        super().__init__()
        self.up = ModulatedConv(n_in, n_out, up=True) if up else None
        self.conv = ModulatedConv(n_out, n_out)
        self.to_rgb = ToImage(n_out, channels)
        self.style_widths = [n_in, n_out, n_out] if up else [n_out, n_out]

    def forward(
        self, x: Tensor, image: Tensor | None, styles: Iterator[Tensor], noise: Iterator[Tensor | None]
    ) -> tuple[Tensor, Tensor]:
        """Returns the features and the image so far, at this block's resolution.

        Takes its styles, each [B, width], and for each convolution its noise, [B, 1, H, W], or None.
        """
        if self.up is not None:
            x = activate(_with_noise(self.up(x, next(styles)), next(noise)))
        x = activate(_with_noise(self.conv(x, next(styles)), next(noise)))
        rgb: Tensor = self.to_rgb(x, next(styles)).float()
        if image is None:
            return x, rgb
        with in_float32(image):
            return x, rgb + upsample(image)


def _with_noise(x: Tensor, noise: Tensor | None) -> Tensor:
    return x if noise is None else x + noise.to(x.dtype)


class Decoder(nn.Module):
    """Maps latents to images.

    Args:
        channels: Colour channels of an image.
        widths: Feature channels at 4x4, 8x8, ... up to the image's own resolution.
        latent_dim: D.
        style_dim: Width of w.
        mapping_layers: Layers from z to w.
        noise_inputs: Whether its convolutions have noise inputs.
    """

    def __init__(
        self,
        channels: int,
        widths: tuple[int, ...],
        latent_dim: int,
        style_dim: int,
        mapping_layers: int,
        *,
        noise_inputs: bool = False,
    ) -> None:
        super().__init__()
        sizes = [latent_dim] + [style_dim] * mapping_layers
        self.mapping = nn.ModuleList(EqualLinear(a, b, gain=GAIN, bias_gain=GAIN) for a, b in pairwise(sizes))
        self.constant = nn.Parameter(torch.randn(1, widths[0], 4, 4))
        first = SynthesisBlock(widths[0], widths[0], channels, up=False)
        blocks = [first, *(SynthesisBlock(a, b, channels, up=True) for a, b in pairwise(widths))]
        self.blocks = nn.ModuleList(blocks)
        self.style_widths = [width for block in blocks for width in block.style_widths]
        # StyleGAN2's affine layers of all convolutions, as one.
        self.styles = EqualLinear(style_dim, sum(self.style_widths), bias=1.0)
        sides = [4] + [4 * 2**i for i in range(1, len(widths)) for _ in range(2)]
        self.noise = NoiseInputs(latent_dim, sides) if noise_inputs else None

    def forward(self, z: Tensor) -> Tensor:
        """Maps z, [B, D], to images, float32 [B, C, H, W], nominally in -1..1."""
        w = z
        with in_float32(z):
            for layer in self.mapping:
                w = activate(layer(w))
            styles = iter(self.styles(w).split(self.style_widths, 1))
        x = self.constant.expand(len(z), -1, -1, -1)
        image: Tensor | None = None
        noise = repeat(None) if self.noise is None else iter(self.noise(z))
        for block in self.blocks:
            x, image = block(x, image, styles, noise)
        assert image is not None
        return image
