"""StyleGAN2 generators as two well-known implementations have them, written from their published structure.

Both scale the weights for every image of a batch and convolve with one group an image, where the project scales the
inputs and convolves once for the whole batch. They add noise, and map z by layers after a pixel norm.

- `transposed` (rosinality/stylegan2-pytorch): upsampling by a transposed convolution and a blur.
- `bilinear` (lucidrains/stylegan2-pytorch): bilinear upsampling, then a convolution at the larger size; images too are
  upsampled bilinearly, and blurred.

Widths, style width and layers of the mapping are those of the project's decoder, so that the multiply-adds differ by
where the convolution after an upsampling takes place alone.
"""

from itertools import pairwise
from math import sqrt
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from lds_mlflow.models.stylegan import VaeSpec

__all__ = ["GroupedGenerator", "Upsampling"]

Upsampling = Literal["transposed", "bilinear"]


def _fir(device: torch.device) -> Tensor:
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0], device=device)
    return torch.outer(taps, taps) / taps.sum() ** 2


def _blur(x: Tensor, gain: float, padding: tuple[int, int]) -> Tensor:
    channels = x.shape[1]
    kernel = (gain * _fir(x.device))[None, None].expand(channels, 1, -1, -1)
    return functional.conv2d(functional.pad(x, (*padding, *padding)), kernel, groups=channels)


class _ModulatedConv(nn.Module):
    def __init__(self, n_in: int, n_out: int, n_style: int, kernel: int, *, up: Upsampling | None = None) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(1, n_out, n_in, kernel, kernel))
        self.style = nn.Linear(n_style, n_in)
        self.up, self.kernel, self.demodulates = up, kernel, kernel > 1

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        n, n_in, height, width = x.shape
        weight = self.weight * self.style(w)[:, None, :, None, None] / sqrt(n_in * self.kernel**2)
        if self.demodulates:
            weight = weight * torch.rsqrt(weight.square().sum((2, 3, 4), keepdim=True) + 1e-8)
        n_out = weight.shape[1]
        if self.up == "transposed":
            weight = weight.transpose(1, 2).reshape(n * n_in, n_out, self.kernel, self.kernel)
            y = functional.conv_transpose2d(x.reshape(1, n * n_in, height, width), weight, stride=2, groups=n)
            return _blur(y.view(n, n_out, *y.shape[2:]), 4, (1, 1))
        if self.up == "bilinear":
            x = functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        weight = weight.reshape(n * n_out, n_in, self.kernel, self.kernel)
        y = functional.conv2d(x.reshape(1, n * n_in, *x.shape[2:]), weight, padding=self.kernel // 2, groups=n)
        return y.view(n, n_out, *y.shape[2:])


class _StyledConv(nn.Module):
    def __init__(self, n_in: int, n_out: int, n_style: int, up: Upsampling | None) -> None:
        super().__init__()
        self.conv = _ModulatedConv(n_in, n_out, n_style, 3, up=up)
        self.strength = nn.Parameter(torch.zeros(1))
        self.bias = nn.Parameter(torch.zeros(1, n_out, 1, 1))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        y = self.conv(x, w)
        noise = torch.randn(len(y), 1, *y.shape[2:], device=y.device)
        return functional.leaky_relu(y + self.strength * noise + self.bias, 0.2) * sqrt(2)


class GroupedGenerator(nn.Module):
    """A generator with grouped convolutions.

    Args:
        spec: Whose widths and layers it has.
        upsampling: Whose structure it has; see the head of this module.
    """

    def __init__(self, spec: VaeSpec, upsampling: Upsampling) -> None:
        super().__init__()
        self.upsampling: Upsampling = upsampling
        widths, style = spec.widths, spec.style_dim
        sizes = [spec.latent_dim] + [style] * spec.mapping_layers
        self.mapping = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        self.constant = nn.Parameter(torch.randn(1, widths[0], 4, 4))
        self.ups = nn.ModuleList(_StyledConv(a, b, style, upsampling) for a, b in pairwise(widths))
        self.convs = nn.ModuleList(_StyledConv(width, width, style, None) for width in widths)
        self.to_rgb = nn.ModuleList(_ModulatedConv(width, spec.channels, style, 1) for width in widths)

    def forward(self, z: Tensor) -> Tensor:
        """Maps latents, [B, D], to images, [B, C, H, W]."""
        w = z * torch.rsqrt(z.square().mean(1, keepdim=True) + 1e-8)
        for layer in self.mapping:
            w = functional.leaky_relu(layer(w), 0.2)
        x = self.convs[0](self.constant.expand(len(z), -1, -1, -1), w)
        image: Tensor = self.to_rgb[0](x, w)
        for up, conv, to_rgb in zip(self.ups, self.convs[1:], self.to_rgb[1:], strict=True):
            x = conv(up(x, w), w)
            image = self._larger(image) + to_rgb(x, w)
        return image

    def _larger(self, image: Tensor) -> Tensor:
        if self.upsampling == "bilinear":
            larger = functional.interpolate(image, scale_factor=2, mode="bilinear", align_corners=False)
            return _blur(larger, 1, (1, 2))
        spread = image.new_zeros(*image.shape[:2], 2 * image.shape[2], 2 * image.shape[3])
        spread[:, :, ::2, ::2] = image
        return _blur(spread, 4, (2, 1))
