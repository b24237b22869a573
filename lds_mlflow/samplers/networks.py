"""Perceptrons of latents, whose weights are plain tensors, so that a `LatentDistribution` can hold them.

A perceptron is a mapping with the tensors `weight0` [hidden, in], `bias0` [hidden], and so on to the last layer.
"""

import math
from collections.abc import Callable, Mapping
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional
from torch.optim.lr_scheduler import CosineAnnealingLR

from lds_mlflow.models import Posterior
from lds_mlflow.values import LatentDistribution

__all__ = [
    "drawn_rows",
    "fit_perceptron",
    "moments",
    "perceptron",
    "weights_of",
]

_LEAST_SCALE = 1e-6
_HIDDEN = (256, 256, 256)
_LEARNING_RATE = 5e-3
_WEIGHT_DECAY = 1e-2
_AVERAGED = 0.99
"""How much of the moving average of the weights stays in a step; less in the first ones, which would stay in it."""


def moments(posterior: Posterior) -> tuple[Tensor, Tensor]:
    """Returns the mean and the standard deviation of the aggregate posterior, float32 [D] each."""
    variance = posterior.mean.var(0, correction=0)
    if posterior.log_variance is not None:
        variance = variance + posterior.log_variance.exp().mean(0)
    return posterior.mean.mean(0), variance.sqrt().clamp(min=_LEAST_SCALE)


def drawn_rows(posterior: Posterior, n: int, generator: torch.Generator) -> Tensor:
    """Draws latents of the aggregate posterior, [n, D]: of random training examples, with replacement."""
    rows = torch.randint(len(posterior.mean), (n,), generator=generator)
    variance = posterior.log_variance
    return Posterior(posterior.mean[rows], None if variance is None else variance[rows]).sample(generator)


def perceptron(weights: Mapping[str, Tensor], x_BI: Tensor) -> Tensor:
    """Returns what a perceptron makes of its inputs, [B, I] to [B, O]."""
    last = len(weights) // 2 - 1
    for layer in range(last):
        x_BI = functional.silu(functional.linear(x_BI, weights[f"weight{layer}"], weights[f"bias{layer}"]))
    return functional.linear(x_BI, weights[f"weight{last}"], weights[f"bias{last}"])


def fit_perceptron(
    n_in: int, n_out: int, loss: Callable[[Mapping[str, Tensor], torch.Generator], Tensor], *, steps: int
) -> dict[str, Tensor]:
    """Fits a perceptron by Adam with a learning rate that falls to zero, and returns the moving average of its weights.

    The same arguments give the same weights.

    Args:
        n_in: Number of inputs.
        n_out: Number of outputs.
        loss: Returns the loss of weights, a scalar, by a batch that it draws with a generator.
        steps: Number of steps.
    """
    generator = torch.Generator().manual_seed(0)
    weights = _initial((n_in, *_HIDDEN, n_out), generator)
    averaged = {name: tensor.detach().clone() for name, tensor in weights.items()}
    optimizer = torch.optim.AdamW(weights.values(), _LEARNING_RATE, weight_decay=_WEIGHT_DECAY)
    schedule = CosineAnnealingLR(optimizer, steps)
    for step in range(steps):
        optimizer.zero_grad()
        loss(weights, generator).backward()
        optimizer.step()
        schedule.step()
        kept = min(_AVERAGED, step / (10 + step))
        for name, tensor in weights.items():
            averaged[name].lerp_(tensor.detach(), 1 - kept)
    return averaged


def _initial(sizes: tuple[int, ...], generator: torch.Generator) -> dict[str, Tensor]:
    weights: dict[str, Tensor] = {}
    for layer, (n_in, n_out) in enumerate(pairwise(sizes)):
        weights[f"weight{layer}"] = torch.randn(n_out, n_in, generator=generator) / math.sqrt(n_in)
        weights[f"bias{layer}"] = torch.zeros(n_out)
    return {name: tensor.requires_grad_() for name, tensor in weights.items()}


def weights_of(distribution: LatentDistribution) -> dict[str, Tensor]:
    """Returns the weights of the perceptron among the tensors of a distribution."""
    return {name: tensor for name, tensor in distribution.tensors.items() if name.startswith(("weight", "bias"))}
