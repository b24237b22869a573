"""Latents by seed: a seed always gives the same latent, whatever other seeds are drawn with it."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from lds_mlflow.choices import load, look_up
from lds_mlflow.choices.samplers import SAMPLERS
from lds_mlflow.samplers.tries import draw_until
from lds_mlflow.values import LatentDistribution

__all__ = ["draw_dense_latents", "draw_latents"]


def draw_latents(distribution: LatentDistribution, seeds: list[int], *, truncation: float = 1.0) -> Tensor:
    """Draws a latent for every seed independently of the others, float32 [S, D], on the CPU.

    Args:
        distribution: What to draw from.
        seeds: One seed for each latent, 0 to 2^32 - 1, since torch uses only 32 bits of a seed. All mixtures use the
            same noise for a seed.
        truncation: What the distance from the distribution's mean is multiplied by; below 1 gives more typical latents.
    """
    return _draw(distribution, _generators(seeds), truncation)


def draw_dense_latents(
    distribution: LatentDistribution,
    seeds: list[int],
    *,
    truncation: float,
    score: Callable[[Tensor], Tensor],
    least: float,
) -> tuple[Tensor, Tensor]:
    """Draws latents as `draw_latents` does, and draws again from the seed's own stream until the score is high enough.

    Args:
        distribution: What to draw from.
        seeds: See `draw_latents`.
        truncation: See `draw_latents`.
        score: Scores latents, [S, D] to [S]; the same latent has to have the same score in any batch.
        least: The score to reach; a seed that doesn't in fifty draws has the best of them.

    Returns:
        The latents, float32 [S, D], and their scores [S].
    """

    def propose(generators: list[torch.Generator]) -> tuple[Tensor, Tensor]:
        z_BD = _draw(distribution, generators, truncation)
        return z_BD, score(z_BD)

    return draw_until(propose, _generators(seeds), least=least)


def _generators(seeds: Sequence[int]) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def _draw(distribution: LatentDistribution, generators: list[torch.Generator], truncation: float) -> Tensor:
    draw = load(look_up(SAMPLERS, distribution.sampler, "the sampler of a latent distribution").draws)
    z_SD: Tensor
    z_SD, mean_D = draw(distribution, generators)
    return z_SD if truncation == 1 else mean_D + truncation * (z_SD - mean_D)
