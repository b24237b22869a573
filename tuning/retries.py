"""Trials that came to no end: whose worker is gone, and what becomes of them."""

from time import monotonic

from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import fail_stale_trials
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

__all__ = ["MOST_TRIES", "RUN", "Stale", "tries_of", "try_again"]

RUN = "run"
"""User attribute: the MLflow run of a study or trial."""

MOST_TRIES = 3
"""How often parameters are tried that fail for no reason of theirs."""

_LABEL, _TRIES = "label", "tries"
_SECONDS_TO_BEGIN = 60.0


def tries_of(trial: FrozenTrial) -> int:
    """Returns the how manieth try of its parameters a trial is."""
    return int(trial.user_attrs.get(_TRIES, 1))


def try_again(study: Study, trial: FrozenTrial, *, counted: bool = True) -> bool:
    """Puts a trial that failed in the queue again with the parameters that it had or was to have.

    Args:
        study: Its study.
        trial: The trial, which has failed.
        counted: Whether it counts as a try; there are three.

    Returns:
        Whether it is in the queue.
    """
    tries = tries_of(trial) + counted
    if tries > MOST_TRIES:
        return False
    label = {_LABEL: trial.user_attrs[_LABEL]} if _LABEL in trial.user_attrs else {}
    parameters = {**trial.system_attrs.get("fixed_params", {}), **trial.params}
    study.enqueue_trial(parameters, user_attrs={**label, _TRIES: tries})
    return True


class Stale:
    """Finds trials whose workers are gone, fails them, and has them tried again.

    Args:
        study: The study.
    """

    def __init__(self, study: Study) -> None:
        self.study = study
        self._beginning: dict[int, float] = {}

    def fail(self) -> None:
        """Fails those that have shown no sign of life, or have not got to their run for a minute of this worker's."""
        fail_stale_trials(self.study)
        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            # Optuna never misses a worker that was killed before it showed that it is there.
            seen = self._beginning.setdefault(trial.number, monotonic())
            if RUN not in trial.user_attrs and monotonic() - seen > _SECONDS_TO_BEGIN:
                try:
                    self.study.tell(trial.number, state=TrialState.FAIL)
                except (ValueError, UpdateFinishedTrialError):
                    # Another worker was faster.
                    continue
                try_again(self.study, trial)
