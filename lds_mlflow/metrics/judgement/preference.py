"""Which of several models, samplers or arms the part select prefers."""

from collections.abc import Mapping, Sequence
from math import sqrt

from lds_mlflow.choices.figures import COPIES, FIGURES, LEAST_NEAREST_RATIO, MOST_TAIL_SHARE, TAIL
from lds_mlflow.errors import ProtocolError
from lds_mlflow.values import Evaluation

__all__ = [
    "allowed_tail_share",
    "beyond_limits",
    "is_too_near",
    "preferred",
    "preferred_over_seeds",
    "require_select",
]


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
    return {
        "nearest_ratio": LEAST_NEAREST_RATIO - figures["nearest_ratio"],
        "tail_share": figures["tail_share"] - allowed_tail_share(MOST_TAIL_SHARE, n_samples),
    }


def is_too_near(evaluation: Evaluation) -> bool:
    """Says whether samples are copies: in the mean, or in the tail, nearer to the training examples than real ones."""
    return _are_copies(evaluation.metrics, evaluation.n_samples)


def _are_copies(figures: Mapping[str, float], n_samples: int) -> bool:
    return any(excess > 0 for excess in beyond_limits(figures, n_samples).values())


def preferred(evaluations: Mapping[str, Evaluation]) -> str:
    """Returns the name with the lowest FID among those whose samples aren't too near to the training examples.

    Where the samples of all names are too near, it is the name whose samples are the farthest in the mean.

    Args:
        evaluations: Evaluations by the part select, by name.

    Raises:
        ProtocolError: An evaluation was made by the part test, which is only for judging.
    """
    for evaluation in evaluations.values():
        require_select(evaluation)
    allowed = [name for name, evaluation in evaluations.items() if not is_too_near(evaluation)]
    if not allowed:
        return max(evaluations, key=lambda name: evaluations[name].metrics["nearest_ratio"])
    return min(allowed, key=lambda name: evaluations[name].metrics["fid"])


def preferred_over_seeds(arms: Mapping[str, Sequence[Evaluation]], reference: str, figure: str = "fid") -> str:
    """Returns the arm with the best mean of a figure over seeds among those that lose nothing else.

    An arm may be chosen if its mean coverage is not below the reference's, and its samples are not copies by the mean
    figures over seeds. The reference may always be chosen.

    Args:
        arms: Evaluations by the part select, one a seed.
        reference: The arm that the others are measured by.
        figure: The figure, one of FIGURES of which one way is better.

    Raises:
        ProtocolError: An evaluation was made by the part test.
    """
    means = {
        arm: {name: sum(found.metrics[name] for found in seeds) / len(seeds) for name in (figure, "coverage", *COPIES)}
        for arm, seeds in arms.items()
    }
    for evaluation in (found for seeds in arms.values() for found in seeds):
        require_select(evaluation)
    allowed = [
        arm
        for arm, mean in means.items()
        if arm == reference
        or (not _are_copies(mean, arms[arm][0].n_samples) and mean["coverage"] >= means[reference]["coverage"])
    ]
    sign = -1 if FIGURES[figure].better == "higher" else 1
    return min(allowed, key=lambda arm: sign * means[arm][figure])


def require_select(evaluation: Evaluation) -> None:
    """Raises ProtocolError where an evaluation was made by the part test, which is only for judging."""
    if evaluation.part != "select":
        raise ProtocolError(
            "a choice",
            found=f"an evaluation by the part {evaluation.part}",
            expected="the part select, where one chooses",
            remedy="Evaluate with part=select.",
        )
