import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from lds_mlflow.models.stylegan.modulation import demodulation_of, scaled, scaled_and_moved


def test_channels_are_multiplied_by_their_scales() -> None:
    x, scales, _ = _numbers()
    torch.testing.assert_close(scaled(x, scales), x * scales[:, :, None, None])


def test_channels_are_multiplied_by_their_scales_and_moved_by_their_bias() -> None:
    x, scales, bias = _numbers()
    expected = x * scales[:, :, None, None] + bias[:, None, None]
    torch.testing.assert_close(scaled_and_moved(x, scales, bias), expected)


@pytest.mark.parametrize("gain", [1.0, 5.6])
def test_demodulation_is_the_inverse_norm_of_the_modulated_weights(gain: float) -> None:
    style, weight = _style_and_weight()
    modulated = style[:, None, :, None, None] * weight
    expected = gain / (modulated.square().sum((2, 3, 4)) + 1e-8).sqrt()
    torch.testing.assert_close(demodulation_of(style, weight, gain), expected)


def test_a_style_of_zeros_is_demodulated_by_a_finite_number() -> None:
    style, weight = _style_and_weight()
    demodulation = demodulation_of((0 * style).detach().requires_grad_(), weight, 2.0)
    torch.testing.assert_close(demodulation, torch.full_like(demodulation, 2e4))


def test_the_gradients_are_those_of_finite_differences() -> None:
    assert gradcheck(scaled, _numbers()[:2])
    assert gradcheck(scaled_and_moved, _numbers())
    assert gradcheck(lambda style, weight: demodulation_of(style, weight, 2.0), _style_and_weight())


def test_features_in_bfloat16_leave_the_gradients_of_scales_in_float32() -> None:
    x, scales, bias = (some.detach().float().requires_grad_() for some in _numbers())
    scaled_and_moved(scaled(x.bfloat16(), scales), scales, bias).float().sum().backward()
    assert scales.grad is not None
    assert bias.grad is not None
    assert scales.grad.dtype == bias.grad.dtype == torch.float32
    assert bias.grad.tolist() == [32.0] * 3


def test_it_is_compiled_in_one_piece() -> None:
    def work(x: Tensor, style: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return scaled_and_moved(scaled(x, style), demodulation_of(style, weight, 2.0), bias)

    (x, scales, bias), weight = _numbers(), _random(3, 3, 3, 3)
    compiled = torch.compile(work, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x, scales, weight, bias), work(x, scales, weight, bias))


def _numbers() -> tuple[Tensor, Tensor, Tensor]:
    """Returns features [2, 3, 4, 4], scales [2, 3] and a bias [3]."""
    return _random(2, 3, 4, 4), _random(2, 3), _random(3)


def _style_and_weight() -> tuple[Tensor, Tensor]:
    """Returns styles [2, 3] and the weights of a convolution from 3 channels to 5."""
    return _random(2, 3), _random(5, 3, 3, 3)


def _random(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(sum(shape))
    return torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_()
