"""How near samples may lie to the training examples before they are copies.

Real examples that no model was trained on give the limits: in the mean samples are as far from the training examples,
and no more of them are in the tail, beside what chance adds. But a decoder leaves detail out of all that it decodes,
which moves it nearer to the training examples whether it is a copy or not. Its reconstructions of held-out examples are
no copies of training examples, so where they are nearer than the held-out examples themselves, they give the limits.
"""

from collections.abc import Collection, Mapping, Sequence
from math import inf, sqrt
from typing import NamedTuple

from lds_mlflow.choices.figures import (
    COPIES,
    LEAST_NEAREST_RATIO,
    LOOSEST_NEAREST_RATIO,
    LOOSEST_TAIL_SHARE,
    MOST_TAIL_SHARE,
    RECONSTRUCTED,
    TAIL,
)
from lds_mlflow.values import Evaluation

__all__ = [
    "CopyLimits",
    "allowed_tail_share",
    "are_copies",
    "beyond_limits",
    "copy_limits",
    "is_too_near",
    "means_with_copies",
]


class CopyLimits(NamedTuple):
    """What the figures COPIES of samples may be.

    Attributes:
        least_nearest_ratio: The least nearest-neighbour ratio.
        most_tail_share: The largest tail share of infinitely many samples and held-out examples.
    """

    least_nearest_ratio: float
    most_tail_share: float


def copy_limits(figures: Mapping[str, float]) -> CopyLimits:
    """Returns the limits on samples of a model.

    Args:
        figures: Figures of the samples; those of COPIES with RECONSTRUCTED before their names, where they are there,
            are of the model's reconstructions of the held-out examples.
    """
    ratio = figures.get(f"{RECONSTRUCTED}nearest_ratio", inf)
    share = figures.get(f"{RECONSTRUCTED}tail_share", 0.0)
    return CopyLimits(
        least_nearest_ratio=min(LEAST_NEAREST_RATIO, max(ratio, LOOSEST_NEAREST_RATIO)),
        most_tail_share=max(MOST_TAIL_SHARE, min(share, LOOSEST_TAIL_SHARE)),
    )


def allowed_tail_share(most: float, n_samples: int) -> float:
    """Returns the largest tail share that samples may have: a limit, and what it may be exceeded by through chance.

    The first percentile p of n held-out examples varies, and so do the samples below it: the tail share of n real
    examples has a variance of 2 p (1 - p) / n, to first order. Two standard deviations are chance.

    Args:
        most: The limit for infinitely many samples and held-out examples.
        n_samples: Samples, and as many held-out examples.
    """
    return most + 2 * sqrt(2 * TAIL * (1 - TAIL) / n_samples)


def beyond_limits(figures: Mapping[str, float], n_samples: int) -> dict[str, float]:
    """Returns by how much the figures COPIES of some samples are beyond their limits: above 0 where they are copies."""
    limits = copy_limits(figures)
    return {
        "nearest_ratio": limits.least_nearest_ratio - figures["nearest_ratio"],
        "tail_share": figures["tail_share"] - allowed_tail_share(limits.most_tail_share, n_samples),
    }


def are_copies(figures: Mapping[str, float], n_samples: int) -> bool:
    """Says whether samples of some figures are copies: nearer than allowed in the mean, or too many in the tail."""
    return any(excess > 0 for excess in beyond_limits(figures, n_samples).values())


def means_with_copies(seeds: Sequence[Mapping[str, float]], names: Collection[str]) -> dict[str, float]:
    """Returns the means over seeds of some figures, of the figures COPIES, and of those that set the limits on them."""
    limiting = [name for name in (f"{RECONSTRUCTED}{copied}" for copied in COPIES) if all(name in one for one in seeds)]
    return {name: sum(one[name] for one in seeds) / len(seeds) for name in (*names, *COPIES, *limiting)}


def is_too_near(evaluation: Evaluation) -> bool:
    """Says whether samples are copies: in the mean, or in the tail, nearer to the training examples than real ones."""
    return are_copies(evaluation.metrics, evaluation.n_samples)
