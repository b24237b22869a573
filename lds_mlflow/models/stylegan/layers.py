r"""The layers of StyleGAN2, written from the papers in plain PyTorch operations.

Equalized learning rate: weights are drawn from N(0, c^2) with c = gain / sqrt(fan_in), and learn c times as fast
(models/rates.py has the source).

Activation: StyleGAN2 multiplies the leaky ReLU by sqrt(2) to keep the variance. Since the ReLU is homogeneous,
sqrt(2) relu(W x + b) = relu(sqrt(2) W x + sqrt(2) b): the factor is a gain of the layer before, and costs nothing.

Modulated convolution (Karras et al., Analyzing and Improving the Image Quality of StyleGAN, 2020, equations 1 and 3):
for styles s and weights w,

    w'_{oik} = s_i w_{oik},    y_o = (w' * x)_o / sqrt(sum_{ik} w'_{oik}^2 + eps).

Since s_i belongs to one input channel, w' * x = w * (s x), and the demodulation is a matrix product of s^2 with
sum_k w^2. So one ordinary convolution serves a whole batch, where scaling the weights would take a grouped one.

Under torch.autocast the convolutions take the lower precision; styles, demodulation and images stay in float32.
"""

from math import sqrt

import torch
from torch import Tensor, nn
from torch.nn import functional

from lds_mlflow.models.precision import in_float32
from lds_mlflow.models.stylegan.modulation import demodulation_of, scaled, scaled_and_moved
from lds_mlflow.models.stylegan.resampling import blur

__all__ = ["GAIN", "ConvDown", "EqualConv2d", "EqualLinear", "ModulatedConv", "ToImage", "activate", "in_format_of"]

GAIN = sqrt(2)
"""The gain of a layer that an activation follows, which keeps the variance."""

_SLOPE = 0.2


def activate(x: Tensor) -> Tensor:
    """Leaky ReLU, in place. The layer before it has the gain GAIN."""
    return functional.leaky_relu(x, _SLOPE, inplace=True)


def in_format_of(x: Tensor, weight: Tensor) -> Tensor:
    """Returns x, [B, C, H, W], in the memory format of the weights of a 3x3 convolution, which its results keep."""
    is_last = weight.is_contiguous(memory_format=torch.channels_last)
    return x.contiguous(memory_format=torch.channels_last if is_last else torch.contiguous_format)


class EqualLinear(nn.Module):
    """A linear layer with an equalized learning rate.

    Args:
        n_in: Input width.
        n_out: Output width.
        bias: Initial bias.
        gain: Factor on the weights.
        bias_gain: Factor on the bias.
    """

    def __init__(self, n_in: int, n_out: int, *, bias: float = 0.0, gain: float = 1.0, bias_gain: float = 1.0) -> None:
        super().__init__()
        scale = gain / sqrt(n_in)
        self.weight = nn.Parameter(scale * torch.randn(n_out, n_in))
        self.bias = nn.Parameter(torch.full((n_out,), bias_gain * bias))
        self.learning_rate_factors = {"weight": scale, "bias": bias_gain}

    def forward(self, x: Tensor) -> Tensor:
        """Maps [B, n_in] to [B, n_out]."""
        return functional.linear(x, self.weight, self.bias)


class EqualConv2d(nn.Module):
    """A convolution with an equalized learning rate that keeps the size.

    Args:
        n_in: Input channels.
        n_out: Output channels.
        kernel: Side of the kernel.
        bias: Whether there is one.
        gain: Factor on the weights and the bias.
    """

    def __init__(self, n_in: int, n_out: int, kernel: int, *, bias: bool = True, gain: float = 1.0) -> None:
        super().__init__()
        scale = gain / sqrt(n_in * kernel**2)
        self.weight = nn.Parameter(scale * torch.randn(n_out, n_in, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(n_out)) if bias else None
        self.padding = kernel // 2
        self.learning_rate_factors = {"weight": scale, "bias": gain}

    def forward(self, x: Tensor) -> Tensor:
        """Maps [B, n_in, H, W] to [B, n_out, H, W]."""
        return functional.conv2d(x, self.weight, self.bias, padding=self.padding)


class ConvDown(nn.Module):
    """A 3x3 convolution that halves the size: the resampling filter, then stride 2."""

    def __init__(self, n_in: int, n_out: int, *, gain: float = 1.0) -> None:
        super().__init__()
        self.conv = EqualConv2d(n_in, n_out, 3, gain=gain)

    def forward(self, x: Tensor) -> Tensor:
        """Maps [B, n_in, H, W] to [B, n_out, H/2, W/2]."""
        return functional.conv2d(blur(x, padding=2), self.conv.weight, self.conv.bias, stride=2)


class ModulatedConv(nn.Module):
    """A modulated 3x3 convolution, demodulated, with the gain of an activation that follows it.

    Args:
        n_in: Input channels.
        n_out: Output channels.
        up: Whether to double the size: a transposed convolution, then the resampling filter.
    """

    def __init__(self, n_in: int, n_out: int, *, up: bool = False) -> None:
        super().__init__()
        self.conv = EqualConv2d(n_in, n_out, 3, bias=False)
        self.bias = nn.Parameter(torch.zeros(n_out))
        self.learning_rate_factors = {"bias": GAIN}
        self.up = up

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Maps x, [B, n_in, H, W], and s, float32 [B, n_in], to [B, n_out, H, W], or [B, n_out, 2H, 2W] with `up`."""
        weight = self.conv.weight
        with in_float32(style):
            # The filter after a doubling sums to 4.
            demodulation = demodulation_of(style, weight, 4 * GAIN if self.up else GAIN)
        x = scaled(x, style)
        if self.up:
            x = blur(functional.conv_transpose2d(x, weight.transpose(0, 1), stride=2), padding=1)
        else:
            x = functional.conv2d(x, weight, padding=1)
        return scaled_and_moved(x, demodulation, self.bias)


class ToImage(nn.Module):
    """StyleGAN2's toRGB: a modulated 1x1 convolution without demodulation (2020, figure 7b).

    A sample's own 1x1 weights are few, so they are what is multiplied by the style, and not the features.

    Args:
        n_in: Input channels.
        channels: Colour channels.
    """

    def __init__(self, n_in: int, channels: int) -> None:
        super().__init__()
        self.conv = EqualConv2d(n_in, channels, 1, bias=False)
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Maps x, [B, n_in, H, W], and s, float32 [B, n_in], to an image, [B, channels, H, W]."""
        weight = (style[:, None] * self.conv.weight.flatten(1)).to(x.dtype)
        image = torch.baddbmm(self.bias[:, None].to(x.dtype), weight, x.flatten(2))
        return image.view(-1, len(self.bias), *x.shape[2:])
