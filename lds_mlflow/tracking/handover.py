"""The run that `mlflow run` begins, and hands over to the command that it starts."""

import os
from collections.abc import Mapping
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Run as MlflowRun
from mlflow.entities import RunTag
from mlflow.exceptions import MlflowException
from mlflow.utils.name_utils import _GENERATOR_NOUNS, _GENERATOR_PREDICATES

from lds_mlflow.config.place import LAUNCHED_RUN
from lds_mlflow.errors import TrackingError
from lds_mlflow.machine.locks import locked
from lds_mlflow.tracking import tags
from lds_mlflow.tracking.patience import is_outage
from lds_mlflow.tracking.processes import is_alive

__all__ = ["forget_run", "take_over"]

_PREDICATES, _NOUNS = ({word.lower() for word in words} for words in (_GENERATOR_PREDICATES, _GENERATOR_NOUNS))


def forget_run() -> None:
    """Makes what this process starts later begin runs of its own."""
    os.environ.pop(LAUNCHED_RUN, None)


def take_over(client: MlflowClient, run_id: str, name: str, values: Mapping[str, str], locks: Path) -> str:
    """Goes on with a run that was handed over; returns its name, or "" where it is the run of another command.

    Args:
        client: The client of its tracking store.
        run_id: MLflow's id of the run.
        name: What to call the run, where nobody has given it a name.
        values: Tags of the run.
        locks: Folder for locks: two commands that were given one run may start at the same moment.

    Raises:
        TrackingError: The store has no such run, or it was deleted.
    """
    with locked(locks / run_id):
        try:
            run = client.get_run(run_id)
            if not _is_free(run, values.get(tags.STEP, name)):
                return ""
            given = run.info.run_name
            named = given if given and not _is_made_up(given) else name
            client.update_run(run_id, status="RUNNING", name=named)
            client.log_batch(run_id, tags=[RunTag(key, value) for key, value in values.items()])
        except MlflowException as error:
            if is_outage(error):
                raise
            raise TrackingError.because(
                error,
                f"run {run_id}, which {LAUNCHED_RUN} names",
                expected="an active run of the tracking store, which `mlflow run` has begun",
                remedy=f"Unset {LAUNCHED_RUN}, so that the command begins a run of its own, or restore the run.",
            ) from error
    return named


def _is_free(run: MlflowRun, step: str) -> bool:
    """Says whether no command has used a run yet; or only one of the same step, whose process has ended too early."""
    if run.info.status == "FINISHED":
        return False
    process = run.data.tags.get(tags.PROCESS)
    return process is None or (run.data.tags.get(tags.STEP, step) == step and not is_alive(process))


def _is_made_up(run_name: str) -> bool:
    """Says whether MLflow has made up a run's name, such as languid-fox-7, since nobody gave one."""
    predicate, noun, number = (run_name.split("-") + 3 * [""])[:3]
    return predicate in _PREDICATES and noun in _NOUNS and number.isdecimal()
