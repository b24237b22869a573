"""Resampling by the binomial filter [1, 3, 3, 1] in both directions (Karras et al. 2020, appendix B).

The filter runs as each device runs it fastest (docs/results.md). On a CPU it is a convolution of each channel by
itself. GPU libraries are slow at these; there it is a sum of shifted images in either direction, which torch.compile
makes one pass of. Outside, images are 0.
"""

import torch
from torch import Tensor
from torch.nn.functional import conv2d, conv_transpose2d, pad

__all__ = ["blur", "downsample", "upsample"]

_OUTER, _INNER = 1 / 8, 3 / 8
_TAPS = torch.tensor([_OUTER, _INNER, _INNER, _OUTER])
_FILTERS = torch.outer(_TAPS, _TAPS).repeat(512, 1, 1, 1)
"""The filter for every channel, as many as the widest preset has."""
_DOUBLING_FILTERS = 4 * _FILTERS


def blur(x: Tensor, padding: int) -> Tensor:
    """Filters x, [B, C, H, W] -> [B, C, H + 2 padding - 3, W + 2 padding - 3], by a filter that sums to 1.

    Args:
        x: Images or features.
        padding: Zeros on every side, 1 or 2.
    """
    return _filter_by_shifts(x, padding, 1) if x.is_cuda else _filter_by_convolution(x, padding, 1)


def downsample(x: Tensor) -> Tensor:
    """Halves the side of x, [B, C, H, W] -> [B, C, H/2, W/2]."""
    return _filter_by_shifts(x, 1, 2) if x.is_cuda else _filter_by_convolution(x, 1, 2)


def upsample(x: Tensor) -> Tensor:
    """Doubles the side of x, [B, C, H, W] -> [B, C, 2H, 2W]."""
    return _double_by_shifts(x) if x.is_cuda else _double_by_convolution(x)


def _filter_by_shifts(x: Tensor, padding: int, stride: int) -> Tensor:
    return _shifted_sum(_shifted_sum(pad(x, (padding,) * 4), -1, stride), -2, stride)


def _shifted_sum(x: Tensor, axis: int, stride: int) -> Tensor:
    x = x.movedim(axis, 0)
    n = (len(x) - len(_TAPS)) // stride + 1
    first, second, third, fourth = (x[k : k + stride * (n - 1) + 1 : stride] for k in range(len(_TAPS)))
    return (_OUTER * (first + fourth) + _INNER * (second + third)).movedim(0, axis)


def _filter_by_convolution(x: Tensor, padding: int, stride: int) -> Tensor:
    return conv2d(x, _one_a_channel(_FILTERS, x), stride=stride, padding=padding, groups=x.shape[1])


def _double_by_shifts(x: Tensor) -> Tensor:
    return _doubled(_doubled(x, -1), -2)


def _doubled(x: Tensor, axis: int) -> Tensor:
    x = x.movedim(axis, -1)
    before, after = pad(x[..., :-1], (1, 0)), pad(x[..., 1:], (0, 1))
    pairs = torch.stack([2 * (_OUTER * before + _INNER * x), 2 * (_INNER * x + _OUTER * after)], -1)
    return pairs.flatten(-2).movedim(-1, axis)


def _double_by_convolution(x: Tensor) -> Tensor:
    return conv_transpose2d(x, _one_a_channel(_DOUBLING_FILTERS, x), stride=2, padding=1, groups=x.shape[1])


def _one_a_channel(filters: Tensor, x: Tensor) -> Tensor:
    n = x.shape[1]
    # A slice lies in memory as a convolution needs it; torch would copy an expanded filter each time.
    some = filters[:n] if n <= len(filters) else filters[:1].expand(n, 1, -1, -1)
    return some.to(x.dtype)
