"""How often each class occurs among samples, against how often it does among training images.

Balance is the gap to the training shares, not to equal shares: a model that copies its data's imbalance has added none.
"""

import torch
from scipy.stats import binomtest
from torch import Tensor

__all__ = ["class_shares", "share_gap", "wilson_interval"]


def class_shares(labels_N: Tensor, n_classes: int) -> Tensor:
    """Returns the share of each class, float64 [K], of labels, int64 [N]."""
    counts = torch.bincount(labels_N, minlength=n_classes).double()
    return counts / counts.sum()


def share_gap(shares_K: Tensor, reference_K: Tensor) -> float:
    """Total variation between two sets of shares: the part of one that would have to change class, 0..1."""
    return 0.5 * (shares_K - reference_K).abs().sum().item()


def wilson_interval(share: float, n: int) -> tuple[float, float]:
    """Returns the 95 % interval of a share seen among n.

    Source: Wilson, Probable Inference, the Law of Succession, and Statistical Inference, 1927.
    """
    interval = binomtest(round(share * n), n).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)
