"""Quality by decile of a score: the draft's figure 2 as a measurement."""

from typing import NamedTuple

import numpy as np
from scipy.stats import norm, spearmanr
from torch import Tensor

from lds_mlflow.choices.figures import TAILS
from lds_mlflow.errors import DataError
from lds_mlflow.machine.arrays import taking_arrays

__all__ = ["Deciles", "quality_by_decile"]

_BINS, _FEWEST = 10, 20


class Deciles(NamedTuple):
    """A quality of samples by decile of their score, the lowest first.

    Attributes:
        edges: Lowest and highest score of each decile.
        means: Mean quality of each decile, with its 95 % interval by the normal distribution.
        rank_correlation: Spearman's, of score and quality, -1..1.
        low: Lower end of its 95 % interval (Bonett & Wright, Sample Size Requirements for Estimating Correlations,
            2000).
        high: Upper end.
    """

    edges: tuple[tuple[float, float], ...]
    means: tuple[tuple[float, float, float], ...]
    rank_correlation: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"rank correlation {self.rank_correlation:.2f} ({self.low:.2f} to {self.high:.2f})"


@taking_arrays
def quality_by_decile(score_S: Tensor, quality_S: Tensor) -> Deciles:
    """Returns the mean quality of the tenths of samples by score.

    Args:
        score_S: Score of every sample, such as log LDS, float [S].
        quality_S: Quality of every sample, float [S].

    Raises:
        DataError: There are fewer than 20 samples, or a number is not finite.
    """
    score, quality = score_S.double().numpy(), quality_S.double().numpy()
    finite = np.isfinite(score).all() and np.isfinite(quality).all()
    if len(score) < _FEWEST or not finite:
        raise DataError(
            "quality by decile",
            found=f"{len(score)} samples, {'all' if finite else 'not all'} of finite score and quality",
            expected=f"at least {_FEWEST}, of finite score and quality",
            remedy="Evaluate more samples.",
        )
    tenths = np.array_split(np.argsort(score, kind="stable"), _BINS)
    constant = np.ptp(score) == 0 or np.ptp(quality) == 0
    # What doesn't vary has no ranks, and says nothing of the other.
    correlation = 0.0 if constant else float(spearmanr(score, quality).statistic)
    return Deciles(
        edges=tuple((float(score[rows[0]]), float(score[rows[-1]])) for rows in tenths),
        means=tuple(_mean_with_interval(quality[rows]) for rows in tenths),
        rank_correlation=correlation,
        low=_fisher(correlation, len(score), -1),
        high=_fisher(correlation, len(score), 1),
    )


def _mean_with_interval(values: np.ndarray) -> tuple[float, float, float]:
    mean = float(values.mean())
    half = float(norm.ppf(TAILS[1]) * values.std(ddof=1) / len(values) ** 0.5) if len(values) > 1 else 0.0
    return mean, mean - half, mean + half


def _fisher(correlation: float, n: int, side: int) -> float:
    z = np.arctanh(np.clip(correlation, -1 + 1e-12, 1 - 1e-12))
    error = np.sqrt((1 + correlation**2 / 2) / (n - 3))
    return float(np.tanh(z + side * norm.ppf(TAILS[1]) * error))
