r"""Whether samples are copies: nearer to the training examples than held-out examples are.

Let d(y) be the distance in feature space from y to its nearest training example x*(y), and d'(x) the distance from a
training example x to the training example that is nearest to it:

    authenticity      share of samples with d(y) > d'(x*(y))
                      (Alaa et al., How Faithful is your Synthetic Data?, 2022)
    nearest_ratio     mean d of the samples / mean d of held-out examples; below 1 where samples are too near
    tail_share        share of samples with d(y) < q, where q is the first percentile of d of held-out examples; above
                      0.01 there are more near-copies among the samples than among real examples
    data_copying      C_T: z scores, by cell of the training examples, of how much nearer samples are than held-out
                      examples, in the mean by the cells' shares of those; below -3 is copying, above 3 underfitting
                      (Meehan et al., A Non-Parametric Test to Detect Data-Copying in Generative Models, 2020)

Samples that are merely bad lie far from everything, and count as authentic, so none of these figures is a quality. And
where samples crowd, a few training examples decide for all of them.

The percentile is that of type 6 of Hyndman and Fan (Sample Quantiles in Statistical Packages, 1996), below which 1 % of
further real examples lie in the mean over draws. With fewer than 99 held-out examples it is their least distance, below
which 1 / (N + 1) of further real examples lie.
"""

import warnings
from typing import NamedTuple

import numpy as np
import torch
from scipy.stats import mannwhitneyu, norm
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor

from lds_mlflow.choices.figures import TAIL
from lds_mlflow.machine.arrays import taking_arrays
from lds_mlflow.metrics.balls import nearest
from lds_mlflow.metrics.estimates import Estimate, mean_estimate

__all__ = ["Memorization", "data_copying", "memorization"]

_PER_CELL, _FEWEST, _MOST_CELLS = 50, 20, 10


class Memorization(NamedTuple):
    """What copies of training examples there are among samples.

    Attributes:
        estimates: authenticity, nearest_ratio and tail_share.
        data_copying: C_T.
        nearest_train_S: Row of each sample's nearest training example, int64.
        closeness_S: d(y) / d'(x*(y)), float64; the lowest are the likeliest copies.
    """

    estimates: dict[str, Estimate]
    data_copying: float
    nearest_train_S: Tensor
    closeness_S: Tensor

    @property
    def figures(self) -> dict[str, float]:
        """All of them by name."""
        return {name: estimate.value for name, estimate in self.estimates.items()} | {"data_copying": self.data_copying}


@taking_arrays
def memorization(samples_SF: Tensor, train_TF: Tensor, held_out_NF: Tensor) -> Memorization:
    """Measures how much nearer samples lie to training examples than held-out examples do.

    Args:
        samples_SF: Features of samples, float [S, F].
        train_TF: Features of all training examples, float [T, F], T at least 2.
        held_out_NF: Features of real examples that nothing was fitted on, float [N, F].
    """
    mean = train_TF.mean(0)
    samples, train, held_out = samples_SF - mean, train_TF - mean, held_out_NF - mean
    distance_S, row_S = (found[:, 0] for found in nearest(samples, train))
    distance_N = nearest(held_out, train)[0][:, 0]
    closeness_S = distance_S / _spacing(train, row_S)
    return Memorization(
        estimates={
            "authenticity": mean_estimate((closeness_S > 1).double(), len(held_out)),
            "nearest_ratio": _ratio_of_means(distance_S, distance_N),
            "tail_share": _tail_share(distance_S, distance_N),
        },
        data_copying=data_copying(distance_S, distance_N, *_cells(train, samples, held_out)),
        nearest_train_S=row_S,
        closeness_S=closeness_S,
    )


@taking_arrays
def data_copying(distance_S: Tensor, distance_N: Tensor, cell_S: Tensor, cell_N: Tensor) -> float:
    """Returns C_T: below 0 where samples are nearer to the training examples than held-out examples are.

    Args:
        distance_S: Distance of every sample to its nearest training example.
        distance_N: The same of held-out examples.
        cell_S: Cell of every sample, int64.
        cell_N: Cell of every held-out example, int64. Cells with fewer than 20 of either are left out; where
            none is left, all examples are one cell.
    """
    counts = [torch.bincount(cell, minlength=_MOST_CELLS) for cell in (cell_S, cell_N)]
    large = [cell for cell in range(_MOST_CELLS) if min(count[cell].item() for count in counts) >= _FEWEST]
    if not large:
        return _z_score(distance_S, distance_N)
    scores = torch.tensor([_z_score(distance_S[cell_S == cell], distance_N[cell_N == cell]) for cell in large])
    shares = counts[1][large].double()
    return ((scores * shares).sum() / shares.sum()).item()


def _z_score(distance_S: Tensor, distance_N: Tensor) -> float:
    test = mannwhitneyu(distance_S.cpu(), distance_N.cpu(), method="asymptotic", use_continuity=False)
    # The test's two-sided p-value takes ties into its variance; its sign is that of the statistic.
    side = test.statistic - len(distance_S) * len(distance_N) / 2
    return float(norm.isf(max(test.pvalue, 1e-300) / 2)) * (1 if side > 0 else -1) if side else 0.0


def _cells(train_TF: Tensor, samples_SF: Tensor, held_out_NF: Tensor) -> tuple[Tensor, Tensor]:
    n_cells = min(_MOST_CELLS, len(train_TF), max(1, min(len(samples_SF), len(held_out_NF)) // _PER_CELL))
    with warnings.catch_warnings():
        # Copies among the training examples may leave cells empty.
        warnings.simplefilter("ignore", ConvergenceWarning)
        cells = KMeans(n_cells, n_init=1, random_state=0).fit(train_TF.float().cpu().numpy())
    first, second = (cells.predict(x.float().cpu().numpy()) for x in (samples_SF, held_out_NF))
    return torch.from_numpy(first).long(), torch.from_numpy(second).long()


def _spacing(train_TF: Tensor, row_S: Tensor) -> Tensor:
    """Returns the distance of some training examples to their nearest other, above 0, float64 [S]."""
    rows, places = row_S.unique(return_inverse=True)
    # The nearest of all is the example itself.
    spacing = nearest(train_TF[rows], train_TF, 2)[0][:, -1]
    return spacing.clamp(min=torch.finfo(spacing.dtype).tiny)[places]


def _ratio_of_means(distance_S: Tensor, distance_N: Tensor) -> Estimate:
    mean_S, mean_N = distance_S.mean(), distance_N.mean()
    ratio = mean_S / mean_N
    return Estimate(ratio.item(), (-ratio * (distance_N / mean_N - 1)).cpu(), ((distance_S - mean_S) / mean_N).cpu())


def _tail_share(distance_S: Tensor, distance_N: Tensor) -> Estimate:
    """Returns the share of samples below the first percentile q(p) of held-out examples, with its influences.

    A held-out example moves q by (p - [d <= q]) / f_N(q), p = 0.01, and q moves the share by the density f_S(q) of the
    samples' distances. The ratio f_S / f_N is the slope of the share over p, here taken from p to 2 p. This neglects
    how steep the slope is between those, and its own noise, with few samples there; and, as do the other figures of
    this module, that the training examples are a draw too.
    """
    held_out = distance_N.cpu().double()
    limit, next_limit = np.quantile(held_out.numpy(), [TAIL, 2 * TAIL], method="weibull").tolist()
    found = mean_estimate((distance_S < limit).double().cpu(), len(held_out))
    slope = ((distance_S < next_limit).double().mean().item() - found.value) / TAIL
    is_below_N = (held_out <= limit).double()
    return found._replace(by_real_N=slope * (is_below_N.mean() - is_below_N))
