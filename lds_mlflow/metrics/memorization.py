r"""Whether samples are copies of training images, or of no others than held-out images are.

With d(y) the distance in feature space from y to its nearest training image x*(y), and d'(x) from a training image to
its nearest other:

    authenticity      share of samples with d(y) > d'(x*(y))
                      (Alaa et al., How Faithful is your Synthetic Data?, 2022)
    nearest_ratio     mean d of the samples / mean d of held-out images; below 1 where training images draw them
    data_copying      C_T: z scores, by cell of the training images, of how much nearer samples are than held-out
                      images, in the mean by the cells' shares of those; below -3 is copying, above 3 underfitting
                      (Meehan et al., A Non-Parametric Test to Detect Data-Copying in Generative Models, 2020)

Samples that are merely bad lie far from everything, and count as authentic: none of these is a quality. And where they
crowd, a few training images decide for all of them.
"""

import warnings
from typing import NamedTuple

import torch
from scipy.stats import mannwhitneyu, norm
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor

from lds_mlflow.metrics.balls import nearest
from lds_mlflow.metrics.estimates import Estimate, mean_estimate

__all__ = ["Memorization", "data_copying", "memorization"]

_PER_CELL, _FEWEST, _MOST_CELLS = 50, 20, 10


class Memorization(NamedTuple):
    """What copies of training images there are among samples.

    Attributes:
        estimates: authenticity and nearest_ratio.
        data_copying: C_T.
        nearest_train_S: Row of each sample's nearest training image, int64.
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


def memorization(samples_SF: Tensor, train_NF: Tensor, held_out_MF: Tensor) -> Memorization:
    """Measures how much nearer samples lie to training images than held-out images do.

    Args:
        samples_SF: Features of samples, float [S, F].
        train_NF: Features of all training images, float [N, F], N at least 2.
        held_out_MF: Features of real images that nothing was fitted on, float [M, F].
    """
    mean = train_NF.mean(0)
    samples, train, held_out = samples_SF - mean, train_NF - mean, held_out_MF - mean
    distance_S, row_S = (found[:, 0] for found in nearest(samples, train))
    distance_M = nearest(held_out, train)[0][:, 0]
    closeness_S = distance_S / _spacing(train, row_S)
    return Memorization(
        estimates={
            "authenticity": mean_estimate((closeness_S > 1).double(), len(held_out)),
            "nearest_ratio": _ratio_of_means(distance_S, distance_M),
        },
        data_copying=data_copying(distance_S, distance_M, *_cells(train, samples, held_out)),
        nearest_train_S=row_S,
        closeness_S=closeness_S,
    )


def data_copying(distance_S: Tensor, distance_M: Tensor, cell_S: Tensor, cell_M: Tensor) -> float:
    """Returns C_T: below 0 where samples are nearer to the training images than held-out images are.

    Args:
        distance_S: Distance of every sample to its nearest training image.
        distance_M: The same of held-out images.
        cell_S: Cell of every sample, int64.
        cell_M: Cell of every held-out image, int64; cells of fewer than 20 of either are left out, and without any left
            all are one.
    """
    counts = [torch.bincount(cell, minlength=_MOST_CELLS) for cell in (cell_S, cell_M)]
    large = [cell for cell in range(_MOST_CELLS) if min(count[cell].item() for count in counts) >= _FEWEST]
    if not large:
        return _z_score(distance_S, distance_M)
    scores = torch.tensor([_z_score(distance_S[cell_S == cell], distance_M[cell_M == cell]) for cell in large])
    shares = counts[1][large].double()
    return ((scores * shares).sum() / shares.sum()).item()


def _z_score(distance_S: Tensor, distance_M: Tensor) -> float:
    test = mannwhitneyu(distance_S.cpu(), distance_M.cpu(), method="asymptotic", use_continuity=False)
    # The test's two-sided p-value takes ties into its variance; its sign is that of the statistic.
    side = test.statistic - len(distance_S) * len(distance_M) / 2
    return float(norm.isf(max(test.pvalue, 1e-300) / 2)) * (1 if side > 0 else -1) if side else 0.0


def _cells(train_NF: Tensor, samples_SF: Tensor, held_out_MF: Tensor) -> tuple[Tensor, Tensor]:
    n_cells = min(_MOST_CELLS, len(train_NF), max(1, min(len(samples_SF), len(held_out_MF)) // _PER_CELL))
    with warnings.catch_warnings():
        # Copies among the training images may leave cells empty.
        warnings.simplefilter("ignore", ConvergenceWarning)
        cells = KMeans(n_cells, n_init=1, random_state=0).fit(train_NF.float().cpu().numpy())
    first, second = (cells.predict(x.float().cpu().numpy()) for x in (samples_SF, held_out_MF))
    return torch.from_numpy(first).long(), torch.from_numpy(second).long()


def _spacing(train_NF: Tensor, row_S: Tensor) -> Tensor:
    """Returns the distance of some training images to their nearest other, above 0, float64 [S]."""
    rows, places = row_S.unique(return_inverse=True)
    # The nearest of all is the image itself.
    spacing = nearest(train_NF[rows], train_NF, 2)[0][:, -1]
    return spacing.clamp(min=torch.finfo(spacing.dtype).tiny)[places]


def _ratio_of_means(distance_S: Tensor, distance_M: Tensor) -> Estimate:
    mean_S, mean_M = distance_S.mean(), distance_M.mean()
    ratio = mean_S / mean_M
    return Estimate(ratio.item(), (-ratio * (distance_M / mean_M - 1)).cpu(), ((distance_S - mean_S) / mean_M).cpu())
