r"""Noise that depends on the latent alone, for decoders that were made to be given new noise each time.

StyleGAN2 adds a map of independent normal numbers, times a learned strength, to the features of every styled
convolution (Karras et al. 2020, section 2). With new numbers each time, one latent would have many images, and a
density of latents would not say what is drawn. Here each number is a wave over the latents, of the phase

    a_p(z) = f_p . R z + phi_p,    phi_p uniform in 0..2 pi, f_p ~ N(0, F^2 / K I), R ~ N(0, I), K x D.

Over the draw of R, f and phi, different numbers are uncorrelated. The waves are so short that latents as far apart as
two draws of one posterior have unrelated noise, as random Fourier features do (Rahimi and Recht, Random Features for
Large-Scale Kernel Machines, 2007, section 3, with a kernel of the width 1 / F).
"""

from math import pi, sqrt

import torch
from torch import Tensor, nn

from lds_mlflow.models.precision import in_float32

__all__ = ["NormalNoise", "Waves"]

_FREQUENCY = 10.0
_PROJECTIONS = 8
_MOST = 1 - 1e-6
"""Where the normal quantiles end: at 4.9."""


class Waves(nn.Module):
    """The phases of waves over latents.

    Args:
        latent_dim: D.
        n: How many waves.
    """

    projection: Tensor
    frequencies: Tensor
    phases: Tensor

    def __init__(self, latent_dim: int, n: int) -> None:
        super().__init__()
        self.register_buffer("projection", torch.randn(latent_dim, _PROJECTIONS))
        self.register_buffer("frequencies", _FREQUENCY / sqrt(_PROJECTIONS) * torch.randn(_PROJECTIONS, n))
        self.register_buffer("phases", 2 * pi * torch.rand(n))

    def angles(self, z: Tensor) -> Tensor:
        """Returns the phases of latents, [B, D], as angles, float32 [B, n]. The latents get no gradient through it."""
        return torch.addmm(self.phases, z.detach() @ self.projection, self.frequencies)


class NormalNoise(Waves):
    """Standard normal noise for the decoder of somebody else: each number is the normal quantile of a triangle wave.

    Args:
        latent_dim: D.
        shape: The shape of the noise of one latent.
        seed: Decides on the waves, so with a latent it decides on the noise.
    """

    def __init__(self, latent_dim: int, shape: tuple[int, ...], seed: int) -> None:
        with torch.random.fork_rng(devices=[]), torch.device("cpu"):
            torch.manual_seed(seed)
            super().__init__(latent_dim, torch.Size(shape).numel())
        self.shape = shape

    def forward(self, z: Tensor) -> Tensor:
        """Returns the noise of latents, [B, ...], float32 [B, *shape]."""
        with in_float32(z):
            triangle = 2 / pi * self.angles(z.flatten(1)).sin().asin()
            noise: Tensor = sqrt(2) * triangle.clamp(-_MOST, _MOST).erfinv().unflatten(1, self.shape)
            return noise
