r"""Noise inputs of the decoder, which depend on the latent alone.

StyleGAN2 adds a map of independent normal numbers, times a learned strength, to the features of every styled
convolution (Karras et al. 2020, section 2). With new numbers each time, one latent would have many images, and a
density of latents would not say what is drawn. Here each pixel's number is a cosine wave over the latents:

    n_p(z) = sqrt(2) cos(f_p . R z + phi_p),    phi_p uniform in 0..2 pi, f_p ~ N(0, F^2 / K I), R ~ N(0, I), K x D.

Over the draw of R, f and phi, which the seed of the initial weights decides, it has the mean 0 and the variance 1, and
different pixels are uncorrelated. The waves are so short that latents as far apart as two draws of one posterior have
unrelated noise, as random Fourier features do (Rahimi and Recht, Random Features for Large-Scale Kernel Machines,
2007, section 3, with a kernel of the width 1 / F).
"""

from collections.abc import Sequence
from math import pi, sqrt

import torch
from torch import Tensor, nn

from lds_mlflow.models.precision import in_float32

__all__ = ["NoiseInputs"]

_FREQUENCY = 10.0
_PROJECTIONS = 8


class NoiseInputs(nn.Module):
    """Draws the noise of the layers of a decoder from latents.

    Args:
        latent_dim: D.
        sides: Side in pixels of the features of each layer.
    """

    projection: Tensor
    frequencies: Tensor
    phases: Tensor

    def __init__(self, latent_dim: int, sides: Sequence[int]) -> None:
        super().__init__()
        self.sides = list(sides)
        pixels = sum(side**2 for side in sides)
        self.register_buffer("projection", torch.randn(latent_dim, _PROJECTIONS))
        self.register_buffer("frequencies", _FREQUENCY / sqrt(_PROJECTIONS) * torch.randn(_PROJECTIONS, pixels))
        self.register_buffer("phases", 2 * pi * torch.rand(pixels))
        self.strengths = nn.Parameter(torch.zeros(len(sides)))

    def forward(self, z: Tensor) -> list[Tensor]:
        """Returns the noise of latents, [B, D], times its strength, for every layer: float32 [B, 1, side, side].

        The latents get no gradient through it.
        """
        with in_float32(z):
            angles = torch.addmm(self.phases, z.detach() @ self.projection, self.frequencies)
            noise = (sqrt(2) * angles.cos()).split([side**2 for side in self.sides], 1)
            return [
                strength * some.view(-1, 1, side, side)
                for some, side, strength in zip(noise, self.sides, self.strengths, strict=True)
            ]
