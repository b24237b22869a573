"""Latents by seed: one seed is one latent, whatever else is drawn with it."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from lds_mlflow.latent import score_directly
from lds_mlflow.values import Candidates, LatentDistribution

__all__ = ["draw_dense_latents", "draw_latents"]

_MOST_TRIES = 50


def draw_latents(distribution: LatentDistribution, seeds: list[int], *, truncation: float = 1.0) -> Tensor:
    """Draws a latent for every seed on its own, float32 [S, D], on the CPU.

    Args:
        distribution: What to draw from.
        seeds: One a latent, 0 to 2^32 - 1: torch takes no more of a seed. Mixtures take the same noise for one seed.
        truncation: What the distance from the distribution's mean is multiplied by; below 1 gives more typical images.
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
    """Draws latents like `draw_latents`, and again from a seed's own stream until its score is high enough.

    Args:
        distribution: What to draw from.
        seeds: See `draw_latents`.
        truncation: See `draw_latents`.
        score: Scores latents, [S, D] to [S]; the same latent has to have the same score in any batch.
        least: The score to reach; a seed that doesn't in fifty draws has the best of them.

    Returns:
        The latents, float32 [S, D], and their scores [S].
    """
    generators = _generators(seeds)
    z_SD = _draw(distribution, generators, truncation)
    score_S = score(z_SD)
    for _ in range(_MOST_TRIES - 1):
        waiting = torch.nonzero(score_S < least)[:, 0]
        if not len(waiting):
            break
        proposed = _draw(distribution, [generators[i] for i in waiting.tolist()], truncation)
        scores = score(proposed)
        is_better = scores > score_S[waiting]
        z_SD[waiting[is_better]] = proposed[is_better]
        score_S[waiting[is_better]] = scores[is_better]
    return z_SD, score_S


def _generators(seeds: Sequence[int]) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def _draw(distribution: LatentDistribution, generators: list[torch.Generator], truncation: float) -> Tensor:
    if distribution.sampler == "interpolants":
        z_SD, mean_D = _interpolants(distribution, generators), distribution.tensors["latents"].mean(0)
    else:
        z_SD, mean_D = _of_mixture(distribution, generators), _mean(distribution)
    return z_SD if truncation == 1 else mean_D + truncation * (z_SD - mean_D)


def _mean(distribution: LatentDistribution) -> Tensor:
    tensors = distribution.tensors
    weights = tensors["cumulative"].diff(prepend=torch.zeros(1, dtype=torch.float64))
    return (weights @ tensors["means"].double()).float()


def _of_mixture(distribution: LatentDistribution, generators: list[torch.Generator]) -> Tensor:
    tensors = distribution.tensors
    means = tensors["means"]
    noise = torch.stack([torch.randn(means.shape[1], generator=generator) for generator in generators])
    drawn = torch.stack([torch.rand((), generator=generator, dtype=torch.float64) for generator in generators])
    component = torch.searchsorted(tensors["cumulative"], drawn).clamp(max=len(means) - 1)
    if "factors" in tensors:
        noise = torch.stack([tensors["factors"][k] @ e for k, e in zip(component.tolist(), noise, strict=True)])
    else:
        noise = noise * tensors["scales"].expand(len(means), -1)[component]
    return means[component] + noise


def _interpolants(distribution: LatentDistribution, generators: list[torch.Generator]) -> Tensor:
    z_ND, neighbours = distribution.tensors["latents"], distribution.tensors["neighbours"]
    waiting = torch.arange(len(generators))
    kept_SD = torch.zeros(len(generators), z_ND.shape[1])
    best_S = torch.full((len(generators),), -torch.inf, dtype=torch.float64)
    for _ in range(_MOST_TRIES):
        proposed = _propose(z_ND, neighbours, [generators[i] for i in waiting.tolist()])
        scores = score_directly(
            proposed, z_ND, sigma=distribution.settings["sigma"], leave_endpoints_out=True
        ).log_lds_M
        is_better = scores > best_S[waiting]
        kept_SD[waiting[is_better]] = proposed.z_MD[is_better]
        best_S[waiting[is_better]] = scores[is_better]
        waiting = waiting[scores < distribution.settings["log_threshold"]]
        if len(waiting) == 0:
            break
    return kept_SD


def _propose(z_ND: Tensor, neighbours_Nk: Tensor, generators: list[torch.Generator]) -> Candidates:
    first, second, alpha = [], [], []
    for generator in generators:
        i = int(torch.randint(len(z_ND), (), generator=generator))
        first.append(i)
        second.append(int(neighbours_Nk[i, torch.randint(neighbours_Nk.shape[1], (), generator=generator)]))
        alpha.append(torch.rand((), generator=generator))
    parents, alpha_M = torch.tensor([first, second]).T, torch.stack(alpha)
    z_MD = torch.lerp(z_ND[parents[:, 0]], z_ND[parents[:, 1]], alpha_M[:, None])
    return Candidates(z_MD, parents, alpha_M)
