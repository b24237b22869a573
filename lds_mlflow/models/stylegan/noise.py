r"""Noise inputs of the decoder, which depend on the latent alone: `lds_mlflow.models.noise` says how, and why.

Each pixel's number is a cosine wave over the latents, sqrt(2) cos(a_p(z)), which has the mean 0 and the variance 1.
"""

from collections.abc import Sequence
from math import sqrt

import torch
from torch import Tensor, nn

from lds_mlflow.models.noise import Waves
from lds_mlflow.models.precision import in_float32

__all__ = ["NoiseInputs"]


class NoiseInputs(Waves):
    """Draws the noise of the layers of a decoder from latents.

    Args:
        latent_dim: D.
        sides: Side in pixels of the features of each layer.
    """

    def __init__(self, latent_dim: int, sides: Sequence[int]) -> None:
        super().__init__(latent_dim, sum(side**2 for side in sides))
        self.sides = list(sides)
        self.strengths = nn.Parameter(torch.zeros(len(sides)))

    def forward(self, z: Tensor) -> list[Tensor]:
        """Returns the noise of latents, [B, D], times its strength, for every layer: float32 [B, 1, side, side].

        The latents get no gradient through it.
        """
        with in_float32(z):
            noise = (sqrt(2) * self.angles(z).cos()).split([side**2 for side in self.sides], 1)
            return [
                strength * some.view(-1, 1, side, side)
                for some, side, strength in zip(noise, self.sides, self.strengths, strict=True)
            ]
