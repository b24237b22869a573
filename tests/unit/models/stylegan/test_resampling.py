"""Resampling, as a CPU and as a GPU computes it: both are plain expressions, which run on either."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
import torch
from scipy.signal import convolve2d
from torch import Tensor

from lds_mlflow.models.stylegan import resampling
from lds_mlflow.models.stylegan.resampling import blur, downsample, upsample

TAPS = np.array([1, 3, 3, 1]) / 8
FILTER = np.outer(TAPS, TAPS)


class Way(NamedTuple):
    """A way to filter with padding and a stride, and to double."""

    filtered: Callable[[Tensor, int, int], Tensor]
    doubled: Callable[[Tensor], Tensor]


WAYS = {
    "as on a CPU": Way(resampling._filter_by_convolution, resampling._double_by_convolution),
    "as on a GPU": Way(resampling._filter_by_shifts, resampling._double_by_shifts),
}

ways = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())


def _images(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def _by_scipy(x: Tensor, padding: int) -> np.ndarray:
    images = np.pad(x.flatten(0, 1).numpy(), ((0, 0), (padding, padding), (padding, padding)))
    found = np.stack([convolve2d(image, FILTER, "valid") for image in images])
    return found.reshape(*x.shape[:2], *found.shape[1:])


@ways
@pytest.mark.parametrize("padding", [1, 2])
@pytest.mark.parametrize("stride", [1, 2])
def test_a_filter_is_the_binomial_convolution_of_scipy(way: Way, padding: int, stride: int) -> None:
    x = _images(2, 3, 8, 6)
    wanted = torch.from_numpy(_by_scipy(x, padding)[..., ::stride, ::stride].copy())
    torch.testing.assert_close(way.filtered(x, padding, stride), wanted)


@ways
def test_doubling_is_the_binomial_convolution_of_an_image_with_zeros_between_its_pixels(way: Way) -> None:
    x = _images(2, 3, 4, 6)
    between = x.new_zeros(2, 3, 8, 12)
    between[..., ::2, ::2] = x
    # One line of zeros before an image and two after it: the side doubles.
    wide = torch.nn.functional.pad(between, (1, 0, 1, 0))
    torch.testing.assert_close(way.doubled(x), torch.from_numpy(4 * _by_scipy(wide, 1)))


KINDS: dict[str, Callable[[Way, Tensor], Tensor]] = {
    "filter": lambda way, x: way.filtered(x, 2, 1),
    "halve": lambda way, x: way.filtered(x, 1, 2),
    "double": lambda way, x: way.doubled(x),
}


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 0.05)])
@pytest.mark.parametrize("kind", KINDS)
def test_both_ways_have_the_same_result_and_the_same_gradient(kind: str, dtype: torch.dtype, tolerance: float) -> None:
    found = []
    for way in WAYS.values():
        x = _images(2, 3, 8, 8).to(dtype).requires_grad_()
        y = KINDS[kind](way, x)
        found.append((y.detach(), torch.autograd.grad(y.float().square().sum(), x)[0]))
    torch.testing.assert_close(*found, rtol=tolerance, atol=tolerance)


def test_on_a_cpu_the_functions_are_those_of_a_cpu() -> None:
    x, way = _images(2, 3, 8, 8), WAYS["as on a CPU"]
    assert torch.equal(blur(x, 1), way.filtered(x, 1, 1))
    assert torch.equal(blur(x, 2), way.filtered(x, 2, 1))
    assert torch.equal(downsample(x), way.filtered(x, 1, 2))
    assert torch.equal(upsample(x), way.doubled(x))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_on_a_gpu_the_results_are_those_of_a_cpu() -> None:
    x = _images(2, 3, 8, 8)
    for resample in (lambda x: blur(x, 1), lambda x: blur(x, 2), downsample, upsample):
        torch.testing.assert_close(resample(x.cuda()).cpu(), resample(x))


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_resampling_keeps_the_memory_format(memory_format: torch.memory_format) -> None:
    x = _images(2, 3, 8, 8).contiguous(memory_format=memory_format)
    for y in (blur(x, 1), downsample(x), upsample(x)):
        assert y.is_contiguous(memory_format=memory_format)


def test_resampling_doubles_and_halves_the_side() -> None:
    x = _images(2, 3, 8, 8)
    assert upsample(x).shape == (2, 3, 16, 16)
    assert downsample(x).shape == (2, 3, 4, 4)
    assert [blur(x, padding).shape[-1] for padding in (1, 2)] == [7, 9]


@ways
def test_resampling_keeps_a_constant_image_constant_in_the_interior(way: Way) -> None:
    x = torch.full((1, 2, 8, 8), 3.0)
    torch.testing.assert_close(way.doubled(x)[..., 1:-1, 1:-1], torch.full((1, 2, 14, 14), 3.0))
    torch.testing.assert_close(way.filtered(x, 1, 2)[..., 1:-1, 1:-1], torch.full((1, 2, 2, 2), 3.0))
    torch.testing.assert_close(way.filtered(x, 2, 1)[..., 2:-2, 2:-2], torch.full((1, 2, 5, 5), 3.0))


@ways
def test_resampling_does_not_shift_the_image(way: Way) -> None:
    x = torch.arange(8.0).expand(1, 1, 8, 8)
    finer = (torch.arange(16.0) - 0.5) / 2
    coarser = 2 * torch.arange(4.0) + 0.5
    torch.testing.assert_close(way.doubled(x)[0, 0, 5, 1:-1], finer[1:-1])
    torch.testing.assert_close(way.filtered(x, 1, 2)[0, 0, 2, 1:-1], coarser[1:-1])


@ways
def test_the_finest_pattern_is_filtered_away_before_it_can_alias(way: Way) -> None:
    checkerboard = torch.tensor([[1.0, -1.0], [-1.0, 1.0]]).repeat(8, 8)[None, None]
    assert way.filtered(checkerboard, 1, 2)[..., 1:-1, 1:-1].abs().max() < 1e-6
