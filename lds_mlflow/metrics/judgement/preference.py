"""Which of several models, samplers or arms the part select prefers."""

from collections.abc import Mapping, Sequence

from lds_mlflow.choices.figures import FIGURES
from lds_mlflow.errors import ProtocolError
from lds_mlflow.metrics.judgement.copies import are_copies, is_too_near, means_with_copies
from lds_mlflow.values import Evaluation

__all__ = ["preferred", "preferred_over_seeds", "require_select"]


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
        arm: means_with_copies([found.metrics for found in seeds], (figure, "coverage")) for arm, seeds in arms.items()
    }
    for evaluation in (found for seeds in arms.values() for found in seeds):
        require_select(evaluation)
    allowed = [
        arm
        for arm, mean in means.items()
        if arm == reference
        or (not are_copies(mean, arms[arm][0].n_samples) and mean["coverage"] >= means[reference]["coverage"])
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
