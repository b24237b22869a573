"""Weights of what a distribution consists of, as the running sum that it is drawn by."""

import torch
from torch import Tensor

__all__ = ["mean_by", "picked", "running_sum"]


def running_sum(weights_K: Tensor) -> Tensor:
    """Returns the running sum of weights that sum to 1, float64 [K]."""
    return weights_K.double().cumsum(0)


def picked(cumulative_K: Tensor, drawn_B: Tensor) -> Tensor:
    """Returns which of K each number from 0 to below 1 stands for, int64 [B]."""
    return torch.searchsorted(cumulative_K, drawn_B).clamp(max=len(cumulative_K) - 1)


def mean_by(cumulative_K: Tensor, means_KD: Tensor) -> Tensor:
    """Returns the weighted mean of vectors, float32 [D]."""
    weights = cumulative_K.diff(prepend=torch.zeros(1, dtype=torch.float64))
    return (weights @ means_KD.double()).float()
