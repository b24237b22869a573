"""The networks against their textbook form: raw weights from N(0, 1), whose scales are in the forward pass.

There every use of a weight multiplies it by gain / sqrt(fan_in), every activation multiplies by sqrt(2), a residual sum
is divided by sqrt(2), each modulated convolution has an affine layer and weights of its own for each sample (Karras et
al. 2020, equations 1 and 3), and plain Adam has one learning rate.
"""

from collections.abc import Callable
from math import prod, sqrt

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from lds_mlflow.models.stylegan.decoder import Decoder
from lds_mlflow.models.stylegan.discriminator import Discriminator
from lds_mlflow.models.stylegan.encoder import Encoder
from lds_mlflow.training.parameters import FlatParameters

CHANNELS, WIDTHS, LATENT_DIM, STYLE_DIM = 3, (6, 5, 4), 4, 7
RATE, BETAS, STEPS = 0.01, (0.9, 0.99), 5
MEAN_GAIN = 0.1

Weights = dict[str, Tensor]
Network = Callable[[Weights, Tensor], Tensor]


def _activate(x: Tensor) -> Tensor:
    return sqrt(2) * functional.leaky_relu(x, 0.2)


def _filter(x: Tensor, *, padding: int, gain: float = 1.0) -> Tensor:
    taps = torch.tensor([1, 3, 3, 1]).to(x) / 8
    return functional.conv2d(
        x, gain * torch.outer(taps, taps).expand(x.shape[1], 1, 4, 4), padding=padding, groups=x.shape[1]
    )


def _downsample(x: Tensor) -> Tensor:
    return _filter(x, padding=1)[..., ::2, ::2]


def _upsample(x: Tensor) -> Tensor:
    between = x.new_zeros(*x.shape[:2], 2 * x.shape[2], 2 * x.shape[3])
    between[..., ::2, ::2] = x
    return _filter(functional.pad(between, (1, 0, 1, 0)), padding=1, gain=4)


def _scaled(weight: Tensor, gain: float = 1.0) -> Tensor:
    return gain / sqrt(prod(weight.shape[1:])) * weight


def _linear(weights: Weights, name: str, x: Tensor, gain: float = 1.0) -> Tensor:
    return x @ _scaled(weights[f"{name}.weight"], gain).T + weights[f"{name}.bias"]


def _conv(weights: Weights, name: str, x: Tensor, *, stride: int = 1, padding: int | None = None) -> Tensor:
    weight = weights[f"{name}.weight"]
    padding = weight.shape[-1] // 2 if padding is None else padding
    return functional.conv2d(x, _scaled(weight), weights.get(f"{name}.bias"), stride=stride, padding=padding)


def _modulated(weight: Tensor, bias: Tensor, x: Tensor, style: Tensor, *, up: bool, demodulate: bool) -> Tensor:
    """Equations 1 and 3: every sample gets weights of its own, and they run as one grouped convolution."""
    b, n_in, height, width = x.shape
    n_out, kernel = weight.shape[0], weight.shape[-1]
    own = style[:, None, :, None, None] * _scaled(weight)
    if demodulate:
        own = own / (own.square().sum((2, 3, 4), keepdim=True) + 1e-8).sqrt()
    x = x.reshape(1, b * n_in, height, width)
    if up:
        transposed = own.transpose(1, 2).reshape(b * n_in, n_out, kernel, kernel)
        y = _filter(functional.conv_transpose2d(x, transposed, stride=2, groups=b), padding=1, gain=4)
    else:
        y = functional.conv2d(x, own.reshape(b * n_out, n_in, kernel, kernel), padding=kernel // 2, groups=b)
    return y.reshape(b, n_out, *y.shape[2:]) + bias[:, None, None]


def _decoder(weights: Weights, z: Tensor) -> Tensor:
    w, image = _activate(_linear(weights, "mapping.0", z)), None
    w = _activate(_linear(weights, "mapping.1", w))
    x, begin = weights["constant"].expand(len(z), -1, -1, -1), 0
    for number in range(len(WIDTHS)):
        for part in ("up", "conv", "to_rgb"):
            name = f"blocks.{number}.{part}"
            if f"{name}.bias" not in weights:
                continue
            end = begin + x.shape[1]
            affine = {"own.weight": weights["styles.weight"][begin:end], "own.bias": weights["styles.bias"][begin:end]}
            style, begin = _linear(affine, "own", w), end
            weight, bias = weights[f"{name}.conv.weight"], weights[f"{name}.bias"]
            y = _modulated(weight, bias, x, style, up=part == "up", demodulate=part != "to_rgb")
            if part == "to_rgb":
                image = y if image is None else y + _upsample(image)
            else:
                x = _activate(y)
    assert begin == len(weights["styles.bias"])
    assert image is not None
    return image


def _residual_blocks(weights: Weights, x: Tensor) -> Tensor:
    for number in range(len(WIDTHS) - 1):
        name = f"blocks.{number}"
        y = _filter(_activate(_conv(weights, f"{name}.conv", x)), padding=2)
        y = _activate(_conv(weights, f"{name}.down.conv", y, stride=2, padding=0))
        x = (y + _conv(weights, f"{name}.skip", _downsample(x))) / sqrt(2)
    return x


def _encoder(weights: Weights, x: Tensor) -> Tensor:
    x = _residual_blocks(weights, _activate(_conv(weights, "from_rgb", x)))
    x = _activate(_conv(weights, "conv", x)).flatten(1)
    x = _activate(_linear(weights, "hidden", x))
    return torch.cat([_linear(weights, "mean", x, MEAN_GAIN), _linear(weights, "log_variance", x).clamp(-10, 4)], 1)


def _discriminator(weights: Weights, x: Tensor) -> Tensor:
    x = _residual_blocks(weights, _activate(_conv(weights, "from_rgb", x)))
    spread = (x.reshape(4, -1, *x.shape[1:]).var(0, unbiased=False) + 1e-8).sqrt().mean((1, 2, 3))
    channel = spread.repeat(4)[:, None, None, None].expand(-1, 1, *x.shape[2:])
    x = _activate(_conv(weights, "conv", torch.cat([x, channel], 1))).flatten(1)
    return _linear(weights, "verdict", _activate(_linear(weights, "hidden", x)))[:, 0]


def _ours(module: nn.Module, x: Tensor) -> Tensor:
    found: Tensor | tuple[Tensor, ...] = module(x)
    return torch.cat(found, 1) if isinstance(found, tuple) else found


NETWORKS: dict[str, tuple[Callable[[], nn.Module], Network, tuple[int, ...]]] = {
    "decoder": (lambda: Decoder(CHANNELS, WIDTHS, LATENT_DIM, STYLE_DIM, 2), _decoder, (LATENT_DIM,)),
    "encoder": (lambda: Encoder(CHANNELS, WIDTHS, LATENT_DIM), _encoder, (CHANNELS, 16, 16)),
    "discriminator": (lambda: Discriminator(CHANNELS, WIDTHS), _discriminator, (CHANNELS, 16, 16)),
}


def _factor(module: nn.Module, name: str) -> float:
    """What a raw weight has to be multiplied by to be the stored one, by the papers' rules and the names of layers."""
    layer, _, kind = name.rpartition(".")
    shape = module.get_parameter(name).shape
    activated = layer.split(".")[-1] not in {"styles", "mean", "log_variance", "verdict", "to_rgb", "skip"}
    # What a residual sum is divided by undoes the factor of the activation before it.
    gain = sqrt(2) if activated and ".down." not in name else 1.0
    if kind == "bias":
        return gain
    if kind == "constant" or layer == "":
        return 1.0
    if ".skip" in name:
        gain = 1 / sqrt(2)
    if layer == "mean":
        gain = MEAN_GAIN
    is_modulated = isinstance(module, Decoder) and layer.startswith("blocks.")
    return (1.0 if is_modulated else gain) / sqrt(prod(shape[1:]))


@pytest.fixture(params=NETWORKS)
def pair(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[nn.Module, Network, Weights, Tensor]:
    """One of our networks, its textbook form, raw weights of the latter that are the former's, and inputs; float64."""
    monkeypatch.setattr(Tensor, "float", lambda x: x)
    make, textbook, shape = NETWORKS[request.param]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = make().double()
        for name, parameter in module.named_parameters():
            if name.endswith("bias"):
                nn.init.normal_(parameter, mean=1.0 if name == "styles.bias" else 0.0, std=0.5)
        x = torch.randn(8, *shape, dtype=torch.float64)
    raw = {
        name: (parameter.detach() / _factor(module, name)).requires_grad_()
        for name, parameter in module.named_parameters()
    }
    return module, textbook, raw, x


def _loss(y: Tensor) -> Tensor:
    wanted = torch.linspace(-1, 1, y.numel(), dtype=y.dtype).view_as(y)
    return (y - wanted).square().mean()


def test_outputs_and_gradients_are_those_of_the_textbook(pair: tuple[nn.Module, Network, Weights, Tensor]) -> None:
    module, textbook, raw, x = pair
    found, wanted = _ours(module, x), textbook(raw, x)
    torch.testing.assert_close(found, wanted)
    _loss(found).backward()
    _loss(wanted).backward()
    for name, parameter in module.named_parameters():
        gradient = raw[name].grad
        assert parameter.grad is not None
        assert gradient is not None
        torch.testing.assert_close(parameter.grad * _factor(module, name), gradient, rtol=1e-6, atol=1e-12)


def test_steps_of_adam_are_those_of_the_textbook(pair: tuple[nn.Module, Network, Weights, Tensor]) -> None:
    module, textbook, raw, x = pair
    parameters = FlatParameters(module)
    ours, plain = parameters.adam(RATE, BETAS), torch.optim.Adam(raw.values(), RATE, BETAS, eps=0)
    for group in ours.param_groups:
        # A small number beside the root of the moments has another meaning for every scale.
        group["eps"] = 0.0
    norms = []
    for _ in range(STEPS):
        parameters.gradients.zero_()
        _loss(_ours(module, x)).backward()
        norms.append(parameters.gradient_norm().item())
        ours.found_inf, ours.grad_scale = torch.zeros(()), torch.ones(())
        ours.step()
        plain.zero_grad()
        _loss(textbook(raw, x)).backward()
        assert norms[-1] == pytest.approx(
            nn.utils.get_total_norm([w.grad for w in raw.values() if w.grad is not None]).item(), rel=1e-6
        )
        plain.step()
    for name, parameter in module.named_parameters():
        wanted = raw[name].detach() * _factor(module, name)
        torch.testing.assert_close(parameter.detach(), wanted, rtol=1e-6, atol=1e-8)


def test_weights_begin_as_those_of_the_textbook() -> None:
    torch.manual_seed(0)
    for module in (Decoder(3, (64, 48), 64, 80, 2), Encoder(3, (64, 48), 64), Discriminator(3, (64, 48))):
        for name, parameter in module.named_parameters():
            raw = parameter.detach() / _factor(module, name)
            if name.endswith("bias"):
                assert torch.equal(raw, torch.full_like(raw, float(name == "styles.bias")))
            elif raw.numel() > 1000:
                # 5 standard errors of a mean and of a standard deviation.
                assert abs(raw.mean().item()) < 5 / sqrt(raw.numel()), name
                assert abs(raw.std().item() - 1) < 5 / sqrt(2 * raw.numel()), name
