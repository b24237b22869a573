r"""How often each class occurs among samples, against how often it does among training examples.

Balance is the gap to the training shares, not to equal shares: a model that copies its data's imbalance has added none.

A classifier that takes one class for another moves their shares. Let C_cd be the share of the real examples of class c
that it takes for d, measured on examples that it wasn't trained on. Where it sees the shares q, the true shares p solve
q = C^T p: Forman, Quantifying Counts and Costs via Classification, 2008 (for two classes Rogan & Gladen 1978). The
error of C is then part of the interval.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from scipy.optimize import nnls
from scipy.stats import binomtest
from torch import Tensor

from lds_mlflow.choices.figures import TAILS
from lds_mlflow.errors import DataError
from lds_mlflow.machine.arrays import taking_arrays
from lds_mlflow.metrics.estimates import Estimate

__all__ = [
    "CorrectedShares",
    "class_shares",
    "confusion_counts",
    "corrected_shares",
    "share_gap",
    "share_gap_estimate",
    "wilson_interval",
]


class CorrectedShares(NamedTuple):
    """Class shares corrected for the classifier's confusion.

    Attributes:
        shares_K: The shares, float64.
        low_K: Lower ends of their 95 % intervals.
        high_K: Upper ends.
        gap: Total variation to the reference shares, 0..1, with its influences.
    """

    shares_K: Tensor
    low_K: Tensor
    high_K: Tensor
    gap: Estimate


@taking_arrays
def class_shares(labels_N: Tensor, n_classes: int) -> Tensor:
    """Returns the share of each class, float64 [K], of labels, int64 [N]."""
    counts = torch.bincount(labels_N, minlength=n_classes).double()
    return counts / counts.sum()


@taking_arrays
def share_gap(shares_K: Tensor, reference_K: Tensor) -> float:
    """Total variation between two sets of shares: the part of one that would have to change class, 0..1."""
    return 0.5 * (shares_K - reference_K).abs().sum().item()


@taking_arrays
def share_gap_estimate(labels_S: Tensor, reference_K: Tensor, n_real: int) -> Estimate:
    """Returns the gap of the labels of samples, int64 [S], to reference shares, with the influence of every sample."""
    shares = class_shares(labels_S, len(reference_K))
    return _gap(shares, reference_K, torch.eye(len(shares), dtype=torch.float64), labels_S, n_real)


@taking_arrays
def confusion_counts(true_N: Tensor, judged_N: Tensor, n_classes: int) -> Tensor:
    """Returns how many examples of class c (row) the classifier takes for d (column), int64 [K, K]."""
    return torch.bincount(true_N * n_classes + judged_N, minlength=n_classes**2).reshape(n_classes, n_classes)


@taking_arrays
def corrected_shares(
    labels_S: Tensor,
    confusion_KK: Tensor,
    reference_K: Tensor,
    *,
    names_K: Sequence[str],
    n_real: int,
    replicates: int,
    generator: torch.Generator,
) -> CorrectedShares:
    """Corrects the class shares of samples for the classifier's confusion.

    Args:
        labels_S: What the classifier takes the samples for, int64 [S].
        confusion_KK: See `confusion_counts`; of examples that the classifier wasn't trained on.
        reference_K: The shares to keep, float64 [K].
        names_K: What errors call the classes.
        n_real: N, of the influences of real examples, which are 0.
        replicates: How often samples and confusion are drawn again for the intervals.
        generator: Draws them.

    Raises:
        DataError: The confusion is known of no example of a class, or can't tell classes apart.
    """
    counts = confusion_KK.double()
    n_classes = len(counts)
    unseen = (counts.sum(1) == 0).nonzero().flatten().tolist()
    rates = counts / counts.sum(1, keepdim=True)
    alike = [] if unseen else _not_told_apart(rates)
    if unseen or alike:
        classes = ", ".join(names_K[label] for label in unseen or alike)
        raise DataError(
            "the classifier's confusion",
            found=f"no example of {classes}" if unseen else f"{classes}, which it can't tell apart",
            expected="examples of every class that the classifier wasn't trained on, and that it mostly knows",
            remedy="Give the part select more examples of it, or train the classifier longer.",
        )
    seen = class_shares(labels_S, n_classes)
    shares = _solve(rates, seen)
    drawn = _draw_again(seen, len(labels_S), replicates, generator)
    rates_again = torch.stack(
        [_draw_again(row, int(n), replicates, generator) for row, n in zip(rates, counts.sum(1), strict=True)], 1
    )
    again = torch.stack(
        [_solve(some_rates, some_seen) for some_rates, some_seen in zip(rates_again, drawn, strict=True)]
    )
    low, high = again.quantile(torch.tensor(TAILS, dtype=torch.float64), dim=0)
    return CorrectedShares(
        shares_K=shares,
        low_K=torch.minimum(low, shares),
        high_K=torch.maximum(high, shares),
        gap=_gap(shares, reference_K, torch.linalg.inv(rates.T), labels_S, n_real),
    )


def wilson_interval(share: float, n: float) -> tuple[float, float]:
    """Returns the 95 % interval of a share seen among n.

    Source: Wilson, Probable Inference, the Law of Succession, and Statistical Inference, 1927.
    """
    interval = binomtest(round(share * n), round(n)).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def _gap(shares_K: Tensor, reference_K: Tensor, correction_KK: Tensor, labels_S: Tensor, n_real: int) -> Estimate:
    # Moving a unit of what was seen as d moves the corrected shares by column d.
    towards_K = 0.5 * (shares_K - reference_K).sign() @ correction_KK
    influence = towards_K[labels_S]
    gap = share_gap(shares_K, reference_K)
    return Estimate(gap, torch.zeros(n_real, dtype=torch.float64), influence - influence.mean())


def _not_told_apart(rates_KK: Tensor) -> list[int]:
    """Returns the classes whose shares can be changed without any change in what is seen."""
    _, sizes, axes = torch.linalg.svd(rates_KK.T)
    unseen_axes = axes[sizes <= sizes[0] * len(sizes) * torch.finfo(sizes.dtype).eps]
    found: list[int] = (unseen_axes.abs() > 1e-6).any(0).nonzero().flatten().tolist()
    return found


def _solve(rates_KK: Tensor, seen_K: Tensor) -> Tensor:
    found, _ = nnls(rates_KK.T.numpy(), seen_K.numpy())
    # A confusion that was drawn again may have no example that is taken for what was seen, and then corrects nothing.
    return torch.from_numpy(found / found.sum()) if found.any() else seen_K


def _draw_again(shares_K: Tensor, n: int, replicates: int, generator: torch.Generator) -> Tensor:
    """Returns shares of n draws by shares, float64 [R, K]."""
    seed = int(torch.randint(2**31, (), generator=generator))
    drawn = np.random.default_rng(seed).multinomial(n, shares_K.numpy(), size=replicates)
    return torch.from_numpy(drawn / n)
