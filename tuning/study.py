"""Studies: how they are opened or made, and what all workers of a study must have in common."""

import logging
import warnings
from collections.abc import Callable, Mapping
from time import sleep

import optuna
from optuna.exceptions import DuplicatedStudyError, ExperimentalWarning
from optuna.pruners import BasePruner, NopPruner, WilcoxonPruner
from optuna.samplers import BaseSampler, PartialFixedSampler, TPESampler
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from lds_mlflow.choices.figures import FIGURES, SEARCHABLE
from lds_mlflow.errors import ConfigError
from tuning.config import TuneConfig
from tuning.lease import BEAT, FREE
from tuning.retries import RUN
from tuning.space import Space
from tuning.storage import open_storage

__all__ = [
    "BEYOND",
    "READY",
    "budget_of",
    "can_be_pruned",
    "finished",
    "open_study",
    "require_same",
    "wait_for",
    "within",
]

BEYOND = "beyond_limits"
"""User attribute of a trial: by how much its figures COPIES are beyond their limits, above 0 where there are copies."""

READY = "ready"
"""User attribute of a study: the digest of its data, set when the baselines of all seeds exist."""

_SAME, _BUDGET = "same", "trials"
_WAIT_SECONDS = 30.0
_WORKERS_APART = 1009
_FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)


def open_study(
    config: TuneConfig,
    space: Space,
    same: Mapping[str, str],
    begin_run: Callable[[], str],
    on_stale: Callable[[str], None],
    *,
    worker: int = 0,
    heartbeat_seconds: int = 10,
) -> Study:
    """Returns the study of a name: the existing one, if it has the same space, code and settings, or a new one.

    Args:
        config: The configuration.
        space: The search space.
        same: What all workers of a study must have in common, by name.
        begin_run: Begins the MLflow run of a new study, and returns its id.
        on_stale: See open_storage.
        worker: Number of the worker within its command.
        heartbeat_seconds: See open_storage.

    Raises:
        ConfigError: The storage can't be reached, or has a study of this name with another space, code or settings.
    """
    # The project prints lines of its own, and Optuna's charts warn if there are few trials.
    optuna.logging.set_verbosity(logging.ERROR)
    warnings.filterwarnings("ignore", category=ExperimentalWarning)
    directions = [_direction(name) for name in config.wanted]
    storage = open_storage(config.storage, on_stale, heartbeat_seconds)
    same = {"space": space.digest, "objectives": ", ".join(config.wanted), **same}
    try:
        study = optuna.create_study(
            study_name=config.study, storage=storage, pruner=_pruner(config), directions=directions
        )
    except DuplicatedStudyError:
        study = optuna.load_study(study_name=config.study, storage=storage, pruner=_pruner(config))
        require_same(study, same)
        if config.trials > study.user_attrs[_BUDGET]:
            study.set_user_attr(_BUDGET, config.trials)
    else:
        for label, values in space.first.items():
            study.enqueue_trial(dict(values), user_attrs={"label": label})
        study.set_user_attr(_BUDGET, config.trials)
        study.set_user_attr(RUN, begin_run())
        study.set_user_attr(BEAT, FREE)
        # This attribute is set last: a worker that finds it finds all the others.
        study.set_user_attr(_SAME, same)
    study.sampler = _sampler(space, config.tune_seed + _WORKERS_APART * worker + _begun(study))
    return study


def budget_of(study: Study) -> int:
    """Returns the number of trials of the whole study: the largest number that any of its commands has given."""
    return int(study.user_attrs[_BUDGET])


def finished(study: Study) -> list[FrozenTrial]:
    """Returns the trials that are complete or pruned: those that the budget counts."""
    return study.get_trials(deepcopy=False, states=_FINISHED)


def wait_for(study: Study, attribute: str, seconds: float) -> str | None:
    """Returns a user attribute as soon as it is set, or None if it is not set within some seconds."""
    while attribute not in study.user_attrs and seconds > 0:
        sleep(1)
        seconds -= 1
    found = study.user_attrs.get(attribute)
    return None if found is None else str(found)


def require_same(study: Study, same: Mapping[str, str]) -> None:
    """Raises ConfigError if a study was begun with other settings, or if its first command ended too early."""
    if wait_for(study, _SAME, _WAIT_SECONDS) is None:
        raise ConfigError(
            f"the study {study.study_name}",
            found="a study whose first command ended before the study was set up",
            expected="a complete study, or no study of this name",
            remedy="Give another name as study.",
        )
    there = study.user_attrs[_SAME]
    if other := [name for name, value in same.items() if there.get(name) != value]:
        raise ConfigError(
            f"the study {study.study_name}",
            found=f"that it was begun with another {', '.join(other)}",
            expected="the same values as when it was begun",
            remedy="Give another name as study, or the same values. The study was not changed.",
        )


def _begun(study: Study) -> int:
    return len([one for one in study.get_trials(deepcopy=False) if one.state != TrialState.WAITING])


def _sampler(space: Space, seed: int) -> BaseSampler:
    return within(space, TPESampler(seed=seed, multivariate=True, group=True))


def within(space: Space, sampler: BaseSampler) -> BaseSampler:
    """Returns a sampler that suggests only the values that the space allows it to suggest."""
    return PartialFixedSampler(dict(space.suggested), sampler)


def _pruner(config: TuneConfig) -> BasePruner:
    """Returns the pruner: with one objective, it ends trials that lose to the best over parts of paired seeds."""
    return WilcoxonPruner(p_threshold=0.1) if can_be_pruned(config) else NopPruner()


def can_be_pruned(config: TuneConfig) -> bool:
    """Returns whether trials can be pruned: there is one objective, and more than one seed to compare by."""
    return len(config.wanted) == 1 and config.seeds > 1


def _direction(name: str) -> StudyDirection:
    if name not in SEARCHABLE:
        raise ConfigError(
            "objectives",
            found=name,
            expected=f"figures that have a better direction: {', '.join(SEARCHABLE)}",
            remedy="Give one or more of these, separated by commas.",
        )
    return StudyDirection.MINIMIZE if FIGURES[name].better == "lower" else StudyDirection.MAXIMIZE
