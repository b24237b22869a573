"""Resampling by the binomial filter [1, 3, 3, 1] in both directions (Karras et al. 2020, appendix B).

The filter runs as each device runs it fastest (docs/results.md). On a CPU it is a convolution of each channel by
itself. GPU libraries are slow at these; there it is three means of two neighbours each, since [1, 3, 3, 1] is
[1, 1] * [1, 1] * [1, 1], which torch.compile makes one pass of. Outside, images are 0.
"""

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, conv_transpose2d, interpolate

__all__ = ["blur", "downsample", "upsample"]

_TAPS = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
_FILTERS = torch.outer(_TAPS, _TAPS).repeat(512, 1, 1, 1)
"""The filter for every channel, as many as the widest preset has."""
_DOUBLING_FILTERS = 4 * _FILTERS


def blur(x: Tensor, padding: int) -> Tensor:
    """Filters x, [B, C, H, W] -> [B, C, H + 2 padding - 3, W + 2 padding - 3], by a filter that sums to 1.

    Args:
        x: Images or features.
        padding: Zeros on every side, 1 or 2.
    """
    return _filter_by_means(x, padding, 1) if x.is_cuda else _filter_by_convolution(x, padding, 1)


def downsample(x: Tensor) -> Tensor:
    """Halves the side of x, [B, C, H, W] -> [B, C, H/2, W/2]."""
    return _filter_by_means(x, 1, 2) if x.is_cuda else _filter_by_convolution(x, 1, 2)


def upsample(x: Tensor) -> Tensor:
    """Doubles the side of x, [B, C, H, W] -> [B, C, 2H, 2W]."""
    return _double_by_means(x) if x.is_cuda else _double_by_convolution(x)


def _filter_by_means(x: Tensor, padding: int, stride: int) -> Tensor:
    return avg_pool2d(avg_pool2d(avg_pool2d(x, 2, 1, padding=1), 2, 1, padding=padding - 1), 2, stride)


def _filter_by_convolution(x: Tensor, padding: int, stride: int) -> Tensor:
    return conv2d(x, _one_a_channel(_FILTERS, x), stride=stride, padding=padding, groups=x.shape[1])


def _double_by_means(x: Tensor) -> Tensor:
    return avg_pool2d(avg_pool2d(interpolate(x, scale_factor=2), 2, 1, padding=1), 2, 1)


def _double_by_convolution(x: Tensor) -> Tensor:
    return conv_transpose2d(x, _one_a_channel(_DOUBLING_FILTERS, x), stride=2, padding=1, groups=x.shape[1])


def _one_a_channel(filters: Tensor, x: Tensor) -> Tensor:
    n = x.shape[1]
    # A slice lies in memory as a convolution needs it; torch would copy an expanded filter each time.
    some = filters[:n] if n <= len(filters) else filters[:1].expand(n, 1, -1, -1)
    return some.to(x.dtype)
