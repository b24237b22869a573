from collections.abc import Callable
from math import sqrt

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from lds_mlflow.models.stylegan.layers import (
    GAIN,
    ConvDown,
    EqualConv2d,
    EqualLinear,
    ModulatedConv,
    ToImage,
    activate,
    in_format_of,
)
from lds_mlflow.models.stylegan.resampling import blur


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def _modulated(*, up: bool = False) -> ModulatedConv:
    layer = ModulatedConv(5, 7, up=up)
    torch.nn.init.normal_(layer.bias)
    return layer


def _to_image() -> ToImage:
    layer = ToImage(5, 3)
    torch.nn.init.normal_(layer.bias)
    return layer


def _textbook(layer: ModulatedConv | ToImage, x: Tensor, style: Tensor) -> Tensor:
    """Equations 1 and 3: every sample gets weights of its own, and they run as one grouped convolution."""
    b, n_in, height, width = x.shape
    n_out, kernel = layer.conv.weight.shape[0], layer.conv.weight.shape[-1]
    weight = style[:, None, :, None, None] * layer.conv.weight
    is_demodulated = isinstance(layer, ModulatedConv)
    if is_demodulated:
        weight = GAIN * weight / (weight.square().sum((2, 3, 4), keepdim=True) + 1e-8).sqrt()
    x = x.reshape(1, b * n_in, height, width)
    if is_demodulated and layer.up:
        transposed = weight.transpose(1, 2).reshape(b * n_in, n_out, kernel, kernel)
        y = 4 * blur(functional.conv_transpose2d(x, transposed, stride=2, groups=b), padding=1)
    else:
        y = functional.conv2d(x, weight.reshape(b * n_out, n_in, kernel, kernel), padding=kernel // 2, groups=b)
    return y.reshape(b, n_out, *y.shape[2:]) + layer.bias[:, None, None]


MODULATED = pytest.mark.parametrize(
    "make",
    [_modulated, lambda: _modulated(up=True), _to_image],
    ids=["convolution", "convolution that doubles", "to an image"],
)


@MODULATED
def test_modulation_is_the_textbook_definition(make: Callable[[], ModulatedConv | ToImage]) -> None:
    layer = make()
    x, style = torch.randn(4, 5, 8, 8), torch.randn(4, 5) + 1
    found, wanted = layer(x, style), _textbook(layer, x, style)
    assert found.shape == wanted.shape
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)


@MODULATED
def test_modulation_has_the_gradients_of_the_textbook_definition(make: Callable[[], ModulatedConv | ToImage]) -> None:
    layer = make()
    x, style = torch.randn(3, 5, 4, 4, requires_grad=True), torch.randn(3, 5, requires_grad=True)
    over = [x, style, *layer.parameters()]
    found = torch.autograd.grad(layer(x, style).square().sum(), over)
    wanted = torch.autograd.grad(_textbook(layer, x, style).square().sum(), over)
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-3)


def test_demodulation_takes_the_strength_of_a_style_away() -> None:
    layer, x, style = _modulated(), torch.randn(2, 5, 8, 8), torch.randn(2, 5)
    torch.testing.assert_close(layer(x, 10 * style), layer(x, style))


def test_without_demodulation_the_strength_of_a_style_stays() -> None:
    layer, x, style = ToImage(5, 3), torch.randn(2, 5, 8, 8), torch.randn(2, 5)
    torch.testing.assert_close(layer(x, 10 * style), 10 * layer(x, style))


@MODULATED
def test_a_style_of_one_sample_leaves_the_others_alone(make: Callable[[], ModulatedConv | ToImage]) -> None:
    layer, x, style = make(), torch.randn(3, 5, 4, 4), torch.randn(3, 5)
    other = style.clone()
    other[1] += 1
    same = (layer(x, style) == layer(x, other)).flatten(1).all(1)
    assert same.tolist() == [True, False, True]


@MODULATED
def test_features_in_bfloat16_stay_so_and_styles_do_not_lose_bits(
    make: Callable[[], ModulatedConv | ToImage],
) -> None:
    layer, x, style = make(), torch.randn(3, 5, 4, 4), torch.randn(3, 5)
    with torch.autocast("cpu", torch.bfloat16):
        found = layer(x.bfloat16(), style)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), layer(x, style), rtol=0.05, atol=0.1)


def test_a_pattern_too_fine_for_half_the_side_is_filtered_away() -> None:
    checkerboard = torch.tensor([[1.0, -1.0], [-1.0, 1.0]]).repeat(8, 8)[None, None]
    assert ConvDown(1, 3)(checkerboard)[..., 2:-2, 2:-2].abs().max() < 1e-6


@pytest.mark.parametrize("gain", [1.0, GAIN, 0.1])
def test_weights_are_drawn_with_their_scale_and_biases_are_zero(gain: float) -> None:
    for layer, fan_in in ((EqualLinear(200, 200, gain=gain), 200), (EqualConv2d(60, 60, 3, gain=gain), 540)):
        scale = gain / sqrt(fan_in)
        assert layer.bias is not None
        # 5 standard errors of a mean and of a standard deviation over more than 30,000 draws.
        assert abs(layer.weight.mean().item()) < 0.03 * scale
        assert abs(layer.weight.std().item() / scale - 1) < 0.02
        assert not layer.bias.any()
        assert layer.learning_rate_factors["weight"] == pytest.approx(scale)


def test_a_bias_begins_where_it_should_by_its_scale() -> None:
    layer = EqualLinear(3, 2, bias=0.5, bias_gain=GAIN)
    assert layer.bias.tolist() == pytest.approx([0.5 * GAIN] * 2)
    assert layer.learning_rate_factors["bias"] == GAIN


def test_weights_are_used_as_they_are() -> None:
    linear, x = EqualLinear(16, 4, bias=0.5, gain=0.1), torch.randn(3, 16)
    torch.testing.assert_close(linear(x), x @ linear.weight.T + 0.5)
    for kernel in (1, 3):
        conv, images = EqualConv2d(4, 6, kernel), torch.randn(2, 4, 5, 5)
        torch.testing.assert_close(conv(images), functional.conv2d(images, conv.weight, padding=kernel // 2))


def test_layers_keep_the_variance() -> None:
    x = torch.randn(64, 256)
    assert EqualLinear(256, 256)(x).square().mean().item() == pytest.approx(1, abs=0.1)
    assert activate(EqualLinear(256, 256, gain=GAIN)(x)).square().mean().item() == pytest.approx(1.04, abs=0.1)
    features = torch.randn(16, 64, 8, 8)
    found = activate(ModulatedConv(64, 64)(features, torch.ones(16, 64)))[..., 1:-1, 1:-1]
    assert found.square().mean().item() == pytest.approx(1.04, abs=0.1)


def test_an_activation_is_in_place() -> None:
    x = torch.tensor([-5.0, 5.0])
    assert activate(x) is x
    assert x.tolist() == [-1, 5]


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_features_take_the_format_of_weights(memory_format: torch.memory_format) -> None:
    weight = torch.randn(4, 4, 3, 3).contiguous(memory_format=memory_format)
    x = torch.randn(2, 4, 5, 5)
    for features in (x, x.contiguous(memory_format=torch.channels_last)):
        found = in_format_of(features, weight)
        assert found.is_contiguous(memory_format=memory_format)
        assert torch.equal(found, x)


def test_a_convolution_down_halves_the_side() -> None:
    assert ConvDown(3, 5)(torch.randn(2, 3, 8, 8)).shape == (2, 5, 4, 4)


def test_filters_are_no_part_of_the_stored_weights() -> None:
    assert set(ModulatedConv(2, 3, up=True).state_dict()) == {"conv.weight", "bias"}
