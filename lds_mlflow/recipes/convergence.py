"""Whether a model was trained until more steps gained nothing: measured by `train`, and passed on from run to run."""

from collections.abc import Mapping

from lds_mlflow.tracking import FinishedRun

__all__ = ["NOT_CONVERGED", "converged", "convergence_in_words", "gain_in_words", "has_converged"]

NOT_CONVERGED = "baseline not converged"
"""What is said beside a figure of a model whose training had not converged."""

_METRIC = "converged"


def converged(found: bool | None) -> dict[str, float]:
    """Returns the metric that says whether a model's training had converged; none where that is not known."""
    return {} if found is None else {_METRIC: float(found)}


def has_converged(run: FinishedRun) -> bool | None:
    """Returns whether the training of a run's model had converged, or None where that is not known."""
    found = run.metrics.get(_METRIC)
    return None if found is None else found > 0


def convergence_in_words(runs: Mapping[str, FinishedRun]) -> str:
    """Returns a sentence on the models whose training had not converged, or "" where there is none.

    Args:
        runs: Runs of models or of their evaluations, by the names of the models.
    """
    names = [name for name, run in runs.items() if has_converged(run) is False]
    if not names:
        return ""
    return (
        f"{NOT_CONVERGED} ({', '.join(names)}): its training ended before it was seen that more steps gain "
        "nothing, so a difference between models may be one of steps. Give more of them by most_train_steps or "
        "train_steps."
    )


def gain_in_words(difference: float) -> str:
    """Returns a sentence on a baseline beside which the control, which only has more steps, is better.

    Args:
        difference: The control's FID minus the baseline's.
    """
    return f"{NOT_CONVERGED}: more steps without A still lower its FID ({difference:+.3g})."
