from math import sqrt

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from lds_mlflow.models.stylegan.layers import (
    ConvDown,
    EqualConv2d,
    EqualLinear,
    ModulatedConv,
    activate,
    downsample,
    resampling_filter,
    upsample,
)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def _modulated(kernel: int, *, up: bool = False, demodulate: bool = True) -> ModulatedConv:
    layer = ModulatedConv(5, 7, 6, kernel, up=up, demodulate=demodulate)
    assert layer.conv.bias is not None
    torch.nn.init.normal_(layer.conv.bias)
    torch.nn.init.normal_(layer.style.bias, mean=1.0)
    return layer


def _textbook(layer: ModulatedConv, x: Tensor, w: Tensor) -> Tensor:
    """Equations 1 and 3: every sample gets weights of its own, and they run as one grouped convolution."""
    b, n_in, height, width = x.shape
    n_out, kernel = layer.conv.weight.shape[0], layer.conv.weight.shape[-1]
    style = w @ layer.style.weight.T / sqrt(w.shape[1]) + layer.style.bias
    weight = style[:, None, :, None, None] * layer.conv.weight / sqrt(n_in * kernel**2)
    if layer.demodulate:
        weight = weight / (weight.square().sum((2, 3, 4), keepdim=True) + 1e-8).sqrt()
    x = x.reshape(1, b * n_in, height, width)
    if layer.up:
        transposed = weight.transpose(1, 2).reshape(b * n_in, n_out, kernel, kernel)
        y = functional.conv_transpose2d(x, transposed, stride=2, groups=b)
        fir = 4 * resampling_filter().expand(b * n_out, 1, -1, -1)
        y = functional.conv2d(y, fir, padding=1, groups=b * n_out)
    else:
        y = functional.conv2d(x, weight.reshape(b * n_out, n_in, kernel, kernel), padding=kernel // 2, groups=b)
    assert layer.conv.bias is not None
    return y.reshape(b, n_out, *y.shape[2:]) + layer.conv.bias[:, None, None]


@pytest.mark.parametrize("demodulate", [True, False])
@pytest.mark.parametrize(("kernel", "up"), [(3, False), (1, False), (3, True)])
def test_modulated_convolution_is_the_textbook_definition(kernel: int, up: bool, demodulate: bool) -> None:
    layer = _modulated(kernel, up=up, demodulate=demodulate)
    x, w = torch.randn(4, 5, 8, 8), torch.randn(4, 6)
    found, wanted = layer(x, w), _textbook(layer, x, w)
    assert found.shape == (4, 7, 16, 16) if up else (4, 7, 8, 8)
    assert (found - wanted).norm() < 1e-4 * wanted.norm()
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)


def test_modulated_convolution_has_the_gradients_of_the_textbook_definition() -> None:
    layer = _modulated(3)
    x, w = torch.randn(3, 5, 4, 4), torch.randn(3, 6)
    found = torch.autograd.grad(layer(x, w).square().sum(), list(layer.parameters()))
    wanted = torch.autograd.grad(_textbook(layer, x, w).square().sum(), list(layer.parameters()))
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-3)


def test_demodulation_takes_the_strength_of_a_style_away() -> None:
    x, w = torch.randn(2, 5, 8, 8), torch.zeros(2, 6)
    layer = ModulatedConv(5, 7, 6, 3)
    before = layer(x, w)
    torch.nn.init.constant_(layer.style.bias, 10.0)
    torch.testing.assert_close(layer(x, w), before)


def test_without_demodulation_the_strength_of_a_style_stays() -> None:
    x, w = torch.randn(2, 5, 8, 8), torch.zeros(2, 6)
    layer = ModulatedConv(5, 3, 6, 1, demodulate=False)
    before = layer(x, w)
    torch.nn.init.constant_(layer.style.bias, 10.0)
    torch.testing.assert_close(layer(x, w), 10 * before)


def test_a_style_of_one_sample_leaves_the_others_alone() -> None:
    layer, x, w = _modulated(3), torch.randn(3, 5, 4, 4), torch.randn(3, 6)
    other = w.clone()
    other[1] += 1
    same = (layer(x, w) == layer(x, other)).flatten(1).all(1)
    assert same.tolist() == [True, False, True]


def test_the_filter_is_binomial_and_sums_to_one() -> None:
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0])
    torch.testing.assert_close(resampling_filter(), taps[:, None] * taps / 64)
    assert resampling_filter().sum() == 1


def test_resampling_doubles_and_halves_the_side() -> None:
    x, fir = torch.randn(2, 3, 8, 8), resampling_filter()
    assert upsample(x, fir).shape == (2, 3, 16, 16)
    assert downsample(x, fir).shape == (2, 3, 4, 4)


def test_resampling_keeps_a_constant_image_constant_in_the_interior() -> None:
    x, fir = torch.full((1, 2, 8, 8), 3.0), resampling_filter()
    torch.testing.assert_close(upsample(x, fir)[..., 1:-1, 1:-1], torch.full((1, 2, 14, 14), 3.0))
    torch.testing.assert_close(downsample(x, fir)[..., 1:-1, 1:-1], torch.full((1, 2, 2, 2), 3.0))


def test_resampling_does_not_shift_the_image() -> None:
    x, fir = torch.arange(8.0).expand(1, 1, 8, 8), resampling_filter()
    finer = (torch.arange(16.0) - 0.5) / 2
    coarser = 2 * torch.arange(4.0) + 0.5
    torch.testing.assert_close(upsample(x, fir)[0, 0, 5, 1:-1], finer[1:-1])
    torch.testing.assert_close(downsample(x, fir)[0, 0, 2, 1:-1], coarser[1:-1])


def test_the_finest_pattern_is_filtered_away_before_it_can_alias() -> None:
    checkerboard = torch.tensor([[1.0, -1.0], [-1.0, 1.0]]).repeat(8, 8)[None, None]
    assert downsample(checkerboard, resampling_filter())[..., 1:-1, 1:-1].abs().max() < 1e-6
    assert ConvDown(1, 3)(checkerboard)[..., 2:-2, 2:-2].abs().max() < 1e-6


def test_weights_are_drawn_from_a_standard_normal_and_biases_are_zero() -> None:
    for layer in (EqualLinear(200, 200), EqualConv2d(60, 60, 3)):
        assert layer.bias is not None
        # 5 standard errors of a mean and of a standard deviation over more than 30,000 draws.
        assert abs(layer.weight.mean().item()) < 0.03
        assert abs(layer.weight.std().item() - 1) < 0.02
        assert not layer.bias.any()


def test_a_linear_layer_scales_its_weights_when_it_runs() -> None:
    layer, x = EqualLinear(16, 4, bias=0.5, gain=0.1), torch.randn(3, 16)
    torch.testing.assert_close(layer(x), x @ layer.weight.T * 0.1 / 4 + 0.5)


@pytest.mark.parametrize("kernel", [1, 3])
def test_a_convolution_scales_its_weights_when_it_runs(kernel: int) -> None:
    layer, x = EqualConv2d(4, 6, kernel), torch.randn(2, 4, 5, 5)
    plain = functional.conv2d(x, layer.weight, padding=kernel // 2)
    torch.testing.assert_close(layer(x), plain / sqrt(4 * kernel**2))


def test_layers_keep_the_variance() -> None:
    x = torch.randn(64, 256)
    assert EqualLinear(256, 256)(x).square().mean().item() == pytest.approx(1, abs=0.1)
    assert activate(torch.randn(100_000)).square().mean().item() == pytest.approx(1.04, abs=0.03)


def test_a_convolution_down_halves_the_side() -> None:
    assert ConvDown(3, 5)(torch.randn(2, 3, 8, 8)).shape == (2, 5, 4, 4)


def test_filters_are_no_part_of_the_stored_weights() -> None:
    assert set(ModulatedConv(2, 3, 4, 3).state_dict()) == {"conv.weight", "conv.bias", "style.weight", "style.bias"}
