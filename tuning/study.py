"""A study in its storage: opened or made, with what two workers of it must have in common."""

import logging
import warnings
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from time import sleep
from typing import Any

import optuna
from optuna.exceptions import DuplicatedStudyError, ExperimentalWarning, StorageInternalError
from optuna.pruners import BasePruner, NopPruner, WilcoxonPruner
from optuna.samplers import BaseSampler, TPESampler
from optuna.storages import RDBStorage, fail_stale_trials
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, Trial, TrialState
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import SQLAlchemyError

from lds_mlflow.errors import ConfigError
from lds_mlflow.metrics import FIGURES
from tuning.config import TuneConfig
from tuning.space import Space

__all__ = ["CONSTRAINT", "RUN", "fail_stale", "finished", "open_study", "try_again"]

RUN, CONSTRAINT = "run", "nearest_ratio"
"""User attributes: the MLflow run of a study or trial; and what a trial must have at least 1 of, not to copy."""

_BUDGET = "trials"
_TRIES, _MOST_RETRIES = "tries", 2
_MOST_BEGINNING = timedelta(seconds=60)
_WAIT_SECONDS = 30
_LOCK_SECONDS = 60
_FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)

Stale = Callable[[str], None]


def open_study(
    config: TuneConfig,
    space: Space,
    same: Mapping[str, str],
    begin_run: Callable[[], str],
    on_stale: Stale,
    *,
    heartbeat_seconds: int = 10,
) -> Study:
    """Returns the study of a name: that which is there, if it has the same space, code and settings; else a new one.

    Args:
        config: The configuration.
        space: What is searched.
        same: What all workers of a study must have in common, by name.
        begin_run: Begins the MLflow run of a new study, and returns its id.
        on_stale: Called with the MLflow run of a trial whose worker is gone; it is tried again.
        heartbeat_seconds: How often a worker shows that it is there; after four times that it is thought to be gone.

    Raises:
        ConfigError: The storage can't be reached, or has a study of this name with something else.
    """
    # The project has its own lines; the charts of few trials give warnings.
    optuna.logging.set_verbosity(logging.ERROR)
    directions = [_direction(name) for name in config.wanted]
    storage = _storage(config.storage, on_stale, heartbeat_seconds)
    sampler, pruner = _sampler(config), _pruner(config)
    same = {"space": space.digest, "objectives": ", ".join(config.wanted), **same}
    try:
        study = optuna.create_study(
            study_name=config.study, storage=storage, sampler=sampler, pruner=pruner, directions=directions
        )
    except DuplicatedStudyError:
        study = optuna.load_study(study_name=config.study, storage=storage, sampler=sampler, pruner=pruner)
        _require_same(study, same)
        if config.trials > study.user_attrs[_BUDGET]:
            study.set_user_attr(_BUDGET, config.trials)
        return study
    for label, values in space.first.items():
        study.enqueue_trial(dict(values), user_attrs={"label": label})
    study.set_user_attr(_BUDGET, config.trials)
    study.set_user_attr(RUN, begin_run())
    # Last: who finds it finds all the others.
    study.set_user_attr("same", same)
    return study


def finished(study: Study) -> list[FrozenTrial]:
    """Returns the trials that are complete or pruned: those that the budget counts."""
    return study.get_trials(deepcopy=False, states=_FINISHED)


def try_again(study: Study, trial: FrozenTrial | Trial) -> bool:
    """Puts a trial that came to no end in the queue again, with what it had of parameters; not for ever."""
    tries = int(trial.user_attrs.get(_TRIES, 1))
    if tries <= _MOST_RETRIES:
        study.enqueue_trial(trial.params, user_attrs={_TRIES: tries + 1})
    return tries <= _MOST_RETRIES


def fail_stale(study: Study) -> None:
    """Fails the trials whose workers are gone, and puts them in the queue again."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        fail_stale_trials(study)
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        # Optuna never misses a worker that was killed before it showed that it is there.
        assert trial.datetime_start is not None
        if RUN not in trial.user_attrs and datetime.now() - trial.datetime_start > _MOST_BEGINNING:
            try:
                study.tell(trial.number, state=TrialState.FAIL)
            except ValueError:  # Another worker was faster.
                continue
            try_again(study, trial)


def _storage(address: str, on_stale: Stale, heartbeat_seconds: int) -> RDBStorage:
    def stale(study: Study, trial: FrozenTrial) -> None:
        try_again(study, trial)
        if RUN in trial.user_attrs:
            on_stale(trial.user_attrs[RUN])

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            storage = RDBStorage(
                address,
                heartbeat_interval=heartbeat_seconds,
                grace_period=4 * heartbeat_seconds,
                heartbeat_stale_trial_callback=stale,
                engine_kwargs={"connect_args": {"timeout": _LOCK_SECONDS}} if address.startswith("sqlite") else None,
            )
    except (SQLAlchemyError, StorageInternalError, ImportError, ValueError, RuntimeError) as error:
        raise ConfigError(
            "storage",
            found=str(error).splitlines()[0],
            expected="a database that answers, such as sqlite:///tuning.db or postgresql+psycopg://USER@HOST/NAME",
            remedy="Start it, or mend the address.",
        ) from error
    if storage.engine.dialect.name == "sqlite":
        _take_turns(storage.engine)
    return storage


def _take_turns(engine: Engine) -> None:
    """Makes every transaction of SQLite begin with its lock: it locks no rows, so two workers could take one trial."""

    @event.listens_for(engine, "connect")
    def leave_beginning_to_us(connection: Any, _record: Any) -> None:
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    engine.dispose()


def _sampler(config: TuneConfig) -> BaseSampler:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return TPESampler(seed=config.tune_seed, multivariate=True, group=True)


def _pruner(config: TuneConfig) -> BasePruner:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return WilcoxonPruner(p_threshold=0.1) if len(config.wanted) == 1 else NopPruner()


def _direction(name: str) -> StudyDirection:
    allowed = [own for own, figure in FIGURES.items() if figure.better != "neither"]
    if name not in allowed:
        raise ConfigError(
            "objectives",
            found=name,
            expected=f"figures of which one way is better: {', '.join(allowed)}",
            remedy="Give some of them, separated by commas.",
        )
    return StudyDirection.MINIMIZE if FIGURES[name].better == "lower" else StudyDirection.MAXIMIZE


def _require_same(study: Study, same: Mapping[str, str]) -> None:
    waited = 0
    while "same" not in study.user_attrs and waited < _WAIT_SECONDS:
        sleep(1)
        waited += 1
    there = study.user_attrs.get("same", {})
    if other := [name for name, value in same.items() if there.get(name) != value]:
        raise ConfigError(
            f"the study {study.study_name}",
            found=f"one that was begun with another {', '.join(other)}",
            expected="the same",
            remedy="Give another name by study, or what it was begun with. It is as it was.",
        )
