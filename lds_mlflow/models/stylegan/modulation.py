r"""The small products of a modulated convolution, each with its gradient as one piece of code.

By its own rules autograd would take twice as many operations, some of them over all features to multiply them by 1.

Demodulation: with p = sum_i s_i^2 q_oi + eps, q_oi = sum_k w_oik^2 and d = c / sqrt(p), dd / dp = -d^3 / (2 c^2).
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

__all__ = ["demodulation_of", "scaled", "scaled_and_moved"]

_EPSILON = 1e-8


def scaled(x: Tensor, scales: Tensor) -> Tensor:
    """Multiplies the channels of x, [B, C, H, W], by scales, [B, C]."""
    product: Tensor = _Scaled.apply(x, scales)
    return product


def scaled_and_moved(x: Tensor, scales: Tensor, bias: Tensor) -> Tensor:
    """Multiplies the channels of x, [B, C, H, W], by scales, [B, C], and adds a bias, [C]."""
    moved: Tensor = _ScaledAndMoved.apply(x, scales, bias)
    return moved


def demodulation_of(style: Tensor, weight: Tensor, gain: float) -> Tensor:
    """Returns gain / sqrt(sum_{ik} (s_i w_{oik})^2 + eps), [B, n_out], for styles [B, n_in] and a kernel w."""
    demodulation: Tensor = _Demodulation.apply(style, weight, gain)
    return demodulation


class _Scaled(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, scales: Tensor) -> Tensor:
        ctx.save_for_backward(x, scales)
        return x * _a_channel(scales, x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        (gradient,), (x, scales) = gradients, ctx.saved_tensors
        return gradient * _a_channel(scales, x), (gradient * x).sum((2, 3), dtype=scales.dtype)


class _ScaledAndMoved(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, scales: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, scales)
        return torch.addcmul(_a_channel(bias, x), x, _a_channel(scales, x))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        (gradient,), (x, scales) = gradients, ctx.saved_tensors
        of_scales = (gradient * x).sum((2, 3), dtype=scales.dtype)
        return gradient * _a_channel(scales, x), of_scales, gradient.sum((0, 2, 3), dtype=scales.dtype)


class _Demodulation(Function):
    @staticmethod
    def forward(ctx: Any, style: Tensor, weight: Tensor, gain: float) -> Tensor:
        power, energy = style * style, (weight * weight).sum((2, 3))
        # gain / sqrt(p + eps) = 1 / sqrt(eps / gain^2 + p / gain^2): a constant that isn't a tensor costs a conversion.
        least = style.new_full((), _EPSILON / gain**2)
        demodulation = torch.add(least, power.mm(energy.t()), alpha=gain**-2).rsqrt()
        ctx.save_for_backward(style, weight, power, energy, demodulation)
        ctx.gain = gain
        return demodulation

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        (gradient,), (style, weight, power, energy, demodulation) = gradients, ctx.saved_tensors
        common = gradient * demodulation * demodulation * demodulation * -(ctx.gain**-2)
        return style * common.mm(energy), weight * common.t().mm(power).view(*energy.shape, 1, 1), None


def _a_channel(numbers: Tensor, x: Tensor) -> Tensor:
    """Returns one number for each channel of x, [..., C], in a shape that broadcasts to x."""
    shaped = numbers.view(-1, numbers.shape[-1], 1, 1)
    return shaped if numbers.dtype == x.dtype else shaped.to(x.dtype)
