"""Resampling by the binomial filter [1, 3, 3, 1] in both directions (Karras et al. 2020, appendix B).

The filter runs where a device runs it fastest (docs/results.md): as a convolution of each channel by itself on a CPU,
and on a GPU, whose libraries are slow at these, as sums of shifted images, which torch.compile makes one pass of.
Outside, images are 0.
"""

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["blur", "downsample", "upsample"]

_TAPS = (0.125, 0.375, 0.375, 0.125)
_FILTER = torch.outer(torch.tensor(_TAPS), torch.tensor(_TAPS))[None, None]


def blur(x: Tensor, padding: int) -> Tensor:
    """Filters x, [B, C, H, W] -> [B, C, H + 2 padding - 3, W + 2 padding - 3]; the filter sums to 1."""
    return _filtered(x, padding, stride=1)


def downsample(x: Tensor) -> Tensor:
    """Halves the side of x, [B, C, H, W] -> [B, C, H/2, W/2]."""
    return _filtered(x, padding=1, stride=2)


def upsample(x: Tensor) -> Tensor:
    """Doubles the side of x, [B, C, H, W] -> [B, C, 2H, 2W]."""
    if x.is_cuda:
        return _doubled(_doubled(x, -1), -2)
    weight = 4 * _FILTER.to(x.dtype)
    n = x.shape[1]
    return functional.conv_transpose2d(x, weight.expand(n, 1, -1, -1), stride=2, padding=1, groups=n)


def _filtered(x: Tensor, padding: int, stride: int) -> Tensor:
    if x.is_cuda:
        padded = functional.pad(x, (padding,) * 4)
        return _shifted_sum(_shifted_sum(padded, -1, stride), -2, stride)
    n = x.shape[1]
    return functional.conv2d(x, _FILTER.to(x.dtype).expand(n, 1, -1, -1), stride=stride, padding=padding, groups=n)


def _shifted_sum(x: Tensor, axis: int, stride: int) -> Tensor:
    x = x.movedim(axis, 0)
    n = (len(x) - len(_TAPS)) // stride + 1
    a, b, c, d = (x[k : k + stride * (n - 1) + 1 : stride] for k in range(len(_TAPS)))
    return (_TAPS[0] * (a + d) + _TAPS[1] * (b + c)).movedim(0, axis)


def _doubled(x: Tensor, axis: int) -> Tensor:
    x = x.movedim(axis, -1)
    before, after = functional.pad(x[..., :-1], (1, 0)), functional.pad(x[..., 1:], (0, 1))
    pairs = torch.stack([0.25 * before + 0.75 * x, 0.75 * x + 0.25 * after], -1)
    return pairs.flatten(-2).movedim(-1, axis)
