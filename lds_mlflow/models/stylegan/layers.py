r"""The layers of StyleGAN2, written from the papers in plain PyTorch operations.

Equalized learning rate (Karras et al., Progressive Growing of GANs, 2018, section 4.1): weights are drawn from N(0, 1)
and scaled by 1 / sqrt(fan_in) when they are used.

Modulated convolution (Karras et al., Analyzing and Improving the Image Quality of StyleGAN, 2020, equations 1 and 3):
for styles s and weights w,

    w'_{oik} = s_i w_{oik},    y_o = (w' * x)_o / sqrt(sum_{ik} w'_{oik}^2 + eps).

Since s_i belongs to one input channel, w' * x = w * (s x), and the demodulation is a matrix product of s^2 with
sum_k w^2. So one ordinary convolution serves a whole batch, where scaling the weights would take a grouped one.

Resampling uses the binomial filter [1, 3, 3, 1] (2020, appendix B).

Under torch.autocast the convolutions take the lower precision; styles, demodulation and images stay in float32.
"""

from math import sqrt

import torch
from torch import Tensor, nn
from torch.nn import functional

from lds_mlflow.models.precision import in_float32

__all__ = [
    "ConvDown",
    "EqualConv2d",
    "EqualLinear",
    "ModulatedConv",
    "activate",
    "downsample",
    "resampling_filter",
    "upsample",
]

_SLOPE = 0.2
_DEMODULATION_EPSILON = 1e-8


def activate(x: Tensor) -> Tensor:
    """Leaky ReLU, scaled by sqrt(2) to keep the variance."""
    return functional.leaky_relu(x, _SLOPE) * sqrt(2)


def resampling_filter() -> Tensor:
    """Returns the outer product of [1, 3, 3, 1] with itself, summing to 1: float32 [4, 4]."""
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0])
    return torch.outer(taps, taps) / taps.sum() ** 2


def upsample(x: Tensor, fir: Tensor) -> Tensor:
    """Doubles the side of x, [B, C, H, W] -> [B, C, 2H, 2W], with the filter `fir`, [4, 4]."""
    n = x.shape[1]
    return functional.conv_transpose2d(x, _one_a_channel(4 * fir, n), stride=2, padding=1, groups=n)


def downsample(x: Tensor, fir: Tensor) -> Tensor:
    """Halves the side of x, [B, C, H, W] -> [B, C, H/2, W/2], with the filter `fir`, [4, 4]."""
    n = x.shape[1]
    return functional.conv2d(x, _one_a_channel(fir, n), stride=2, padding=1, groups=n)


def _blur(x: Tensor, fir: Tensor, padding: int) -> Tensor:
    n = x.shape[1]
    return functional.conv2d(x, _one_a_channel(fir, n), padding=padding, groups=n)


def _one_a_channel(fir: Tensor, n: int) -> Tensor:
    return fir[None, None].expand(n, 1, -1, -1)


class EqualLinear(nn.Module):
    """A linear layer with an equalized learning rate.

    Args:
        n_in: Input width.
        n_out: Output width.
        bias: Initial bias.
        gain: Factor on the weights when they are used.
    """

    def __init__(self, n_in: int, n_out: int, *, bias: float = 0.0, gain: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_out, n_in))
        self.bias = nn.Parameter(torch.full((n_out,), bias))
        self.scale = gain / sqrt(n_in)

    def forward(self, x: Tensor) -> Tensor:
        """Maps [B, n_in] to [B, n_out]."""
        return functional.linear(x, self.weight * self.scale, self.bias)


class EqualConv2d(nn.Module):
    """A convolution with an equalized learning rate that keeps the size."""

    def __init__(self, n_in: int, n_out: int, kernel: int, *, bias: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_out, n_in, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(n_out)) if bias else None
        self.scale = 1 / sqrt(n_in * kernel**2)
        self.padding = kernel // 2

    def forward(self, x: Tensor) -> Tensor:
        """Maps [B, n_in, H, W] to [B, n_out, H, W]."""
        return functional.conv2d(x, self.weight * self.scale, self.bias, padding=self.padding)


class ConvDown(nn.Module):
    """A 3x3 convolution that halves the size: the resampling filter, then stride 2."""

    fir: Tensor

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.conv = EqualConv2d(n_in, n_out, 3)
        self.register_buffer("fir", resampling_filter(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Maps [B, n_in, H, W] to [B, n_out, H/2, W/2]."""
        weight = self.conv.weight * self.conv.scale
        return functional.conv2d(_blur(x, self.fir, padding=2), weight, self.conv.bias, stride=2)


class ModulatedConv(nn.Module):
    """A modulated convolution; see the head of this module.

    Args:
        n_in: Input channels.
        n_out: Output channels.
        n_style: Width of w.
        kernel: Side of the kernel.
        up: Whether to double the size: a transposed convolution, then the resampling filter.
        demodulate: Whether to normalise the output; off for toRGB.
    """

    fir: Tensor

    def __init__(
        self, n_in: int, n_out: int, n_style: int, kernel: int, *, up: bool = False, demodulate: bool = True
    ) -> None:
        super().__init__()
        self.conv = EqualConv2d(n_in, n_out, kernel)
        self.style = EqualLinear(n_style, n_in, bias=1.0)
        self.up, self.demodulate = up, demodulate
        self.register_buffer("fir", resampling_filter(), persistent=False)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """Maps x, [B, n_in, H, W], and w, [B, n_style], to [B, n_out, H, W], or [B, n_out, 2H, 2W] with `up`."""
        # The scale of the weights is taken with the styles: many fewer numbers.
        weight = self.conv.weight
        with in_float32(w):
            style = self.style(w) * self.conv.scale
            power = style.square() @ weight.square().sum((2, 3)).T if self.demodulate else None
        x = x * style[:, :, None, None].to(x.dtype)
        if self.up:
            x = functional.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
            x = _blur(x, 4 * self.fir, padding=1)
        else:
            x = functional.conv2d(x, weight, padding=self.conv.padding)
        if power is not None:
            x = x * torch.rsqrt(power + _DEMODULATION_EPSILON)[:, :, None, None].to(x.dtype)
        assert self.conv.bias is not None
        return x + self.conv.bias[:, None, None].to(x.dtype)
