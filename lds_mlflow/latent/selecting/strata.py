"""Strata: classes or clusters whose training shares a selection keeps."""

from dataclasses import dataclass

import torch
from torch import Tensor

from lds_mlflow.machine.arrays import taking_arrays
from lds_mlflow.values import Candidates

__all__ = ["Strata", "strata_of"]


@dataclass(frozen=True, slots=True)
class Strata:
    """Which stratum each candidate belongs to, and the share that each is to have.

    Attributes:
        of_M: Stratum of every candidate, int64 [M] in 0..K-1.
        share_K: Share of every stratum among the training latents, float64 [K].
    """

    of_M: Tensor
    share_K: Tensor

    def quotas(self, total: int) -> Tensor:
        """Returns how many each stratum gets of a total, by largest remainders, int64 [K]."""
        exact = self.share_K * total
        whole = exact.floor().long()
        order = torch.argsort(exact - whole, descending=True, stable=True)
        whole[order[: total - int(whole.sum())]] += 1
        return whole


@taking_arrays
def strata_of(candidates: Candidates, labels_N: Tensor) -> Strata:
    """Gives each candidate the label of its nearer parent, and at alpha = 0.5 that of its first.

    Args:
        candidates: M candidates.
        labels_N: Class or cluster of every training latent, int64 [N] in 0..K-1.
    """
    nearer = torch.where(candidates.alpha_M > 0.5, candidates.parents_M2[:, 1], candidates.parents_M2[:, 0])
    counts = torch.bincount(labels_N).double()
    return Strata(labels_N[nearer], counts / counts.sum())
