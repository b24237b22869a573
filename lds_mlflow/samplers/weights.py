"""Weights of what a distribution consists of, as the running sum that it is drawn by."""

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["mean_by", "picked_by", "running_sum"]


def running_sum(weights_K: Tensor) -> Tensor:
    """Returns the running sum of weights that sum to 1, float64 [K]."""
    return weights_K.double().cumsum(0)


def picked_by(cumulative_K: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
    """Picks one of K for every generator with the probability of its weight, int64 [S]."""
    drawn = torch.stack([torch.rand((), generator=generator, dtype=torch.float64) for generator in generators])
    return torch.searchsorted(cumulative_K, drawn).clamp(max=len(cumulative_K) - 1)


def mean_by(cumulative_K: Tensor, means_KD: Tensor) -> Tensor:
    """Returns the weighted mean of vectors, float32 [D]."""
    weights = cumulative_K.diff(prepend=torch.zeros(1, dtype=torch.float64))
    return (weights @ means_KD.double()).float()
