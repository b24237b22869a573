"""The training step before it was rewritten for speed on 2026-11-27; it is there to be measured against.

It is the project's own code of before, in one file, for one process and the prior N(0, I). Scales of equalized
learning rates are in the forward pass, the optimizer and the moving average go from parameter to parameter, and Python
waits for each step to decide whether it changes the weights.
"""

from itertools import pairwise
from math import sqrt

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d, leaky_relu, linear
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from lds_mlflow.models import PIXELS
from lds_mlflow.models.precision import in_float32
from lds_mlflow.models.stylegan import VaeSpec, gaussian_nll, kl_divergence
from lds_mlflow.training import FitPlan
from lds_mlflow.training.plan import ExampleForm, draw_batch

__all__ = ["PreviousNetwork", "PreviousStepper"]

_BETAS, _GRADIENT_NORM = (0.9, 0.99), 1e4
_EMA_DECAY = 0.995
_LOG_VARIANCE_RANGE = (-10.0, 4.0)


def _activate(x: Tensor) -> Tensor:
    return leaky_relu(x, 0.2) * sqrt(2)


def _upsample(x: Tensor, fir: Tensor) -> Tensor:
    n = x.shape[1]
    return conv_transpose2d(x, _one_a_channel(4 * fir, n), stride=2, padding=1, groups=n)


def _downsample(x: Tensor, fir: Tensor) -> Tensor:
    n = x.shape[1]
    return conv2d(x, _one_a_channel(fir, n), stride=2, padding=1, groups=n)


def _blur(x: Tensor, fir: Tensor, padding: int) -> Tensor:
    n = x.shape[1]
    return conv2d(x, _one_a_channel(fir, n), padding=padding, groups=n)


def _one_a_channel(fir: Tensor, n: int) -> Tensor:
    return fir[None, None].expand(n, 1, -1, -1)


class _Filtering(nn.Module):
    """A layer with the filter [1, 3, 3, 1] in both directions."""

    fir: Tensor

    def __init__(self) -> None:
        super().__init__()
        taps = torch.tensor([1.0, 3.0, 3.0, 1.0])
        self.register_buffer("fir", torch.outer(taps, taps) / taps.sum() ** 2, persistent=False)


class _Linear(nn.Module):
    def __init__(self, n_in: int, n_out: int, *, bias: float = 0.0, gain: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_out, n_in))
        self.bias = nn.Parameter(torch.full((n_out,), bias))
        self.scale = gain / sqrt(n_in)

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.weight * self.scale, self.bias)


class _Conv(nn.Module):
    def __init__(self, n_in: int, n_out: int, kernel: int, *, bias: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_out, n_in, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(n_out)) if bias else None
        self.scale = 1 / sqrt(n_in * kernel**2)
        self.padding = kernel // 2

    def forward(self, x: Tensor) -> Tensor:
        return conv2d(x, self.weight * self.scale, self.bias, padding=self.padding)


class _Modulated(_Filtering):
    def __init__(
        self, n_in: int, n_out: int, n_style: int, kernel: int, *, up: bool = False, demodulate: bool = True
    ) -> None:
        super().__init__()
        self.conv = _Conv(n_in, n_out, kernel)
        self.style = _Linear(n_style, n_in, bias=1.0)
        self.up, self.demodulate = up, demodulate

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        weight = self.conv.weight
        with in_float32(w):
            style = self.style(w) * self.conv.scale
            power = style.square() @ weight.square().sum((2, 3)).T if self.demodulate else None
        x = x * style[:, :, None, None].to(x.dtype)
        if self.up:
            x = conv_transpose2d(x, weight.transpose(0, 1), stride=2)
            x = _blur(x, 4 * self.fir, padding=1)
        else:
            x = conv2d(x, weight, padding=self.conv.padding)
        if power is not None:
            x = x * torch.rsqrt(power + 1e-8)[:, :, None, None].to(x.dtype)
        assert self.conv.bias is not None
        return x + self.conv.bias[:, None, None].to(x.dtype)


class _Block(_Filtering):
    def __init__(self, n_in: int, n_out: int, n_style: int, channels: int, *, up: bool) -> None:
        super().__init__()
        self.up = _Modulated(n_in, n_out, n_style, 3, up=True) if up else None
        self.conv = _Modulated(n_out, n_out, n_style, 3)
        self.to_rgb = _Modulated(n_out, channels, n_style, 1, demodulate=False)

    def forward(self, x: Tensor, image: Tensor | None, w: Tensor) -> tuple[Tensor, Tensor]:
        if self.up is not None:
            x = _activate(self.up(x, w))
        x = _activate(self.conv(x, w))
        rgb: Tensor = self.to_rgb(x, w).float()
        if image is None:
            return x, rgb
        with in_float32(image):
            return x, rgb + _upsample(image, self.fir)


class _Decoder(nn.Module):
    def __init__(self, spec: VaeSpec) -> None:
        super().__init__()
        widths, n_style, channels = spec.widths, spec.style_dim, spec.channels
        sizes = [spec.latent_dim] + [n_style] * spec.mapping_layers
        self.mapping = nn.ModuleList(_Linear(a, b) for a, b in pairwise(sizes))
        self.constant = nn.Parameter(torch.randn(1, widths[0], 4, 4))
        first = _Block(widths[0], widths[0], n_style, channels, up=False)
        self.blocks = nn.ModuleList([first, *(_Block(a, b, n_style, channels, up=True) for a, b in pairwise(widths))])

    def forward(self, z: Tensor) -> Tensor:
        w = z
        with in_float32(z):
            for layer in self.mapping:
                w = _activate(layer(w))
        x = self.constant.expand(len(z), -1, -1, -1).contiguous(memory_format=torch.channels_last)
        image: Tensor | None = None
        for block in self.blocks:
            x, image = block(x, image, w)
        assert image is not None
        return image


class _Residual(_Filtering):
    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.conv, self.down = _Conv(n_in, n_in, 3), _Conv(n_in, n_out, 3)
        self.skip = _Conv(n_in, n_out, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y, down = _activate(self.conv(x)), self.down
        y = _activate(conv2d(_blur(y, self.fir, padding=2), down.weight * down.scale, down.bias, stride=2))
        skip: Tensor = self.skip(_downsample(x, self.fir))
        return (y + skip) / sqrt(2)


class _Encoder(nn.Module):
    def __init__(self, spec: VaeSpec) -> None:
        super().__init__()
        falling = spec.widths[::-1]
        self.from_rgb = _Conv(spec.channels, falling[0], 1)
        self.blocks = nn.ModuleList(_Residual(a, b) for a, b in pairwise(falling))
        self.conv = _Conv(falling[-1], falling[-1], 3)
        self.hidden = _Linear(falling[-1] * 16, falling[-1])
        self.mean = _Linear(falling[-1], spec.latent_dim, gain=0.1)
        self.log_variance = _Linear(falling[-1], spec.latent_dim)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = _activate(self.from_rgb(x.contiguous(memory_format=torch.channels_last)))
        for block in self.blocks:
            x = block(x)
        x = _activate(self.conv(x))
        with in_float32(x):
            x = _activate(self.hidden(torch.flatten(x, 1).float()))
            return self.mean(x), self.log_variance(x).clamp(*_LOG_VARIANCE_RANGE)


class PreviousNetwork(nn.Module):
    """The variational autoencoder as it was computed."""

    def __init__(self, spec: VaeSpec) -> None:
        super().__init__()
        self.encoder, self.decoder = _Encoder(spec), _Decoder(spec)
        self.to(memory_format=torch.channels_last)

    def forward(self, x: Tensor, noise: Tensor, kl_weight: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Returns the loss in nats an image, and figures, of images [B, C, H, W] in -1..1 and noise [B, D]."""
        mean, log_variance = self.encoder(x)
        y = self.decoder(mean + torch.exp(0.5 * log_variance) * noise)
        kl = kl_divergence(mean, log_variance).mean()
        mse = (x - y.detach()).square().mean() / 4
        loss = gaussian_nll(x, y) + kl_weight * kl
        return loss, {"loss": loss.detach(), "reconstruction_mse": mse, "kl": kl.detach()}


class PreviousStepper:
    """Takes steps as they were taken.

    Args:
        network: What is trained.
        plan: How to fit; of it, what concerns the evidence lower bound.
        form: What the images look like.
    """

    def __init__(self, network: PreviousNetwork, plan: FitPlan, form: ExampleForm) -> None:
        self.network, self.plan, self.form = network, plan, form
        self.latent_dim = network.encoder.mean.weight.shape[0]
        self.optimizer = torch.optim.Adam(network.parameters(), lr=plan.learning_rate, betas=_BETAS, fused=True)
        self.average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(_EMA_DECAY))

    def advance(self, step: int, examples_N: Tensor) -> dict[str, Tensor]:
        """Takes a step, the one after `step` others, and returns its figures."""
        batch = draw_batch(self.plan, step, self.form, latent_dim=self.latent_dim, size=1)
        some = examples_N[batch.rows.to(examples_N.device)]
        kl_weight = torch.tensor(self.plan.kl_weight_at(step), device=some.device)
        with torch.autocast(some.device.type, torch.bfloat16, enabled=self.plan.precision == "bfloat16"):
            loss, figures = self.network(PIXELS.to_model(some), batch.noise.to(some.device), kl_weight)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        figures["gradient_norm"] = nn.utils.clip_grad_norm_(self.network.parameters(), _GRADIENT_NORM)
        means = dict(zip(figures, torch.stack(list(figures.values())), strict=True))
        if all(torch.isfinite(means[name]) for name in ("loss", "gradient_norm")):
            self.optimizer.step()
            self.average.update_parameters(self.network)
        return means
