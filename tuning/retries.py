"""Trials that didn't finish: how those of dead workers are found, and how they are tried again."""

from time import monotonic

from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import fail_stale_trials
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

__all__ = ["MOST_TRIES", "RUN", "StaleTrials", "tries_of", "try_again"]

RUN = "run"
"""User attribute of a study or trial: the id of its MLflow run."""

MOST_TRIES = 3
"""How often the same parameters are tried if the failures have other causes than the parameters."""

_LABEL, _TRIES = "label", "tries"
_SECONDS_TO_BEGIN = 60.0


def tries_of(trial: FrozenTrial) -> int:
    """Returns how often the parameters of a trial have been tried, this trial included."""
    return int(trial.user_attrs.get(_TRIES, 1))


def try_again(study: Study, trial: FrozenTrial, *, counted: bool = True) -> bool:
    """Puts the parameters of a failed trial into the queue again.

    Args:
        study: The study of the trial.
        trial: The failed trial.
        counted: Whether the trial counts as one of the three tries.

    Returns:
        Whether the parameters are in the queue.
    """
    tries = tries_of(trial) + counted
    if tries > MOST_TRIES:
        return False
    label = {_LABEL: trial.user_attrs[_LABEL]} if _LABEL in trial.user_attrs else {}
    parameters = {**trial.system_attrs.get("fixed_params", {}), **trial.params}
    study.enqueue_trial(parameters, user_attrs={**label, _TRIES: tries})
    return True


class StaleTrials:
    """Finds trials of dead workers, marks them as failed, and has them tried again.

    Args:
        study: The study.
    """

    def __init__(self, study: Study) -> None:
        self.study = study
        self._beginning: dict[int, float] = {}

    def fail(self) -> None:
        """Fails trials whose worker shows no sign of life, or that this worker has seen for a minute without a run."""
        fail_stale_trials(self.study)
        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            # Optuna doesn't notice a worker that was killed before its first heartbeat.
            seen = self._beginning.setdefault(trial.number, monotonic())
            if RUN not in trial.user_attrs and monotonic() - seen > _SECONDS_TO_BEGIN:
                try:
                    self.study.tell(trial.number, state=TrialState.FAIL)
                except (ValueError, UpdateFinishedTrialError):
                    # Another worker was faster.
                    continue
                try_again(self.study, trial)
