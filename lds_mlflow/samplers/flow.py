"""A flow-matching prior: a network that carries Gaussian noise to the latents of the training examples.

Latents are standardised, and noise x_0 ~ N(0, I) is joined to a draw x_1 of the training posteriors by the straight
line x_t = (1 - t) x_0 + t x_1. The network learns the velocity x_1 - x_0 at (x_t, t), and a latent is drawn by
following it from t = 0 to 1. Source: Lipman et al., Flow Matching for Generative Modeling, 2023 (the paths are those
of optimal transport with no width left at t = 1).

Its distribution has the tensors `mean` [D] and `scale` [D] of the latents, and the weights of a perceptron from D
coordinates and the features of t to D velocities; the setting is `ode_steps`.
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from lds_mlflow.models import Posterior
from lds_mlflow.samplers.checks import require_latents_of_a_network
from lds_mlflow.samplers.networks import drawn_rows, fit_perceptron, moments, perceptron, weights_of
from lds_mlflow.values import LatentDistribution

__all__ = ["draw_flow", "flow_matching"]

_BATCH = 256
_FREQUENCIES = 8
_ODE_STEPS = 25
_DRAWN_AT_ONCE = 32
"""Latents are drawn in one shape: a product of matrices of another shape may round the last bit another way."""


def flow_matching(z_ND: Tensor, log_variance_ND: Tensor | None, *, steps: int) -> LatentDistribution:
    """Fits the network to draws of the training posteriors, a new one every time that an example is used.

    Args:
        z_ND: Posterior means.
        log_variance_ND: Posterior log variances, or None where the encoder has no variance.
        steps: Training steps.

    Raises:
        DataError: There are too few latents, or one is not finite.
    """
    require_latents_of_a_network(z_ND)
    posterior = Posterior(z_ND, log_variance_ND)
    mean, scale = moments(posterior)

    def loss(weights: Mapping[str, Tensor], generator: torch.Generator) -> Tensor:
        x_1 = (drawn_rows(posterior, _BATCH, generator) - mean) / scale
        x_0 = torch.randn(x_1.shape, generator=generator)
        t = torch.rand(_BATCH, 1, generator=generator)
        return (_velocity(weights, torch.lerp(x_0, x_1, t), t) - (x_1 - x_0)).square().mean()

    weights = fit_perceptron(z_ND.shape[1] + 2 * _FREQUENCIES, z_ND.shape[1], loss, steps=steps)
    return LatentDistribution(
        sampler="flow",
        name=f"a flow from noise to the training latents, {steps:,} steps",
        tensors={"mean": mean, "scale": scale, **weights},
        settings={"ode_steps": _ODE_STEPS},
    )


def draw_flow(distribution: LatentDistribution, generators: list[torch.Generator]) -> tuple[Tensor, Tensor]:
    """Draws a latent by every generator, by the method of Heun.

    Returns:
        The latents, float32 [S, D], and the mean of the training posteriors, float32 [D].
    """
    mean, scale = distribution.tensors["mean"], distribution.tensors["scale"]
    noise = torch.stack([torch.randn(len(mean), generator=generator) for generator in generators])
    filled = torch.cat([noise, noise.new_zeros(-len(noise) % _DRAWN_AT_ONCE, len(mean))])
    weights, n = weights_of(distribution), int(distribution.settings["ode_steps"])
    carried = torch.cat([_carry(weights, x, n) for x in filled.split(_DRAWN_AT_ONCE)])[: len(noise)]
    return mean + scale * carried, mean


@torch.inference_mode()
def _carry(weights: Mapping[str, Tensor], x_BD: Tensor, n_steps: int) -> Tensor:
    for step in range(n_steps):
        now, later = (torch.full((len(x_BD), 1), (step + i) / n_steps) for i in (0, 1))
        first = _velocity(weights, x_BD, now)
        second = _velocity(weights, x_BD + first / n_steps, later)
        x_BD = x_BD + (first + second) / (2 * n_steps)
    return x_BD


def _velocity(weights: Mapping[str, Tensor], x_BD: Tensor, t_B1: Tensor) -> Tensor:
    angles = math.pi * t_B1 * torch.arange(1, _FREQUENCIES + 1)
    return perceptron(weights, torch.cat([x_BD, angles.sin(), angles.cos()], 1))
