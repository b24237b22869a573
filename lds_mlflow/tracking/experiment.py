"""The experiment that a command's runs belong to."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from mlflow import MlflowClient
from mlflow.entities import Experiment, LifecycleStage
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import (
    INVALID_PARAMETER_VALUE,
    RESOURCE_ALREADY_EXISTS,
    RESOURCE_DOES_NOT_EXIST,
    ErrorCode,
)
from mlflow.utils.file_utils import local_file_uri_to_path
from mlflow.utils.uri import is_local_uri

from lds_mlflow.config import AUTO
from lds_mlflow.config.place import handed_over
from lds_mlflow.errors import TrackingError
from lds_mlflow.tracking import tags
from lds_mlflow.tracking.layout import database_of
from lds_mlflow.tracking.patience import is_outage, is_refusal
from lds_mlflow.tracking.references import run_id_of
from lds_mlflow.tracking.registry import MODELS_ADDRESS, Registry

__all__ = ["Place", "Subject", "place_of", "require_in_place"]

_DEFAULT, _DEFAULT_ID = "Default", "0"
_ANOTHER = "set MLFLOW_EXPERIMENT_NAME to the name of another experiment"


@dataclass(frozen=True, slots=True)
class Subject:
    """What a command is about: where nobody has chosen an experiment, its runs belong to that of its subject.

    Attributes:
        data: What its data is called, which is the name of the experiment; "" where it isn't known.
        reference: A run or a registered model that the command names, whose experiment counts first; auto is the only
            registered model, and "" for none.
    """

    data: str = ""
    reference: str = ""


class Place(NamedTuple):
    """Where a command's runs belong.

    Attributes:
        experiment: The experiment of new runs.
        others: Ids of other experiments whose finished runs are reused.
    """

    experiment: Experiment
    others: tuple[str, ...] = ()


def place_of(client: MlflowClient, subject: Subject) -> Place:
    """Returns the experiment that MLflow's environment variables name, else that of what a command is about.

    One that is named, and that the store doesn't have, is made. `mlflow run` begins a run before the command starts, in
    the default experiment if it is given no other. A run can't be moved, so the command's runs stay there; the runs of
    the subject's own experiment are reused, and the other way round.

    Raises:
        TrackingError: The experiment was deleted, or is given by an id that the store doesn't have.
        mlflow.exceptions.MlflowException: The store doesn't answer.
    """
    number, name = os.environ.get("MLFLOW_EXPERIMENT_ID"), os.environ.get("MLFLOW_EXPERIMENT_NAME")
    if number == _DEFAULT_ID and handed_over():
        return _with_others(_by_id(client, number), _of_reference(client, subject) or _active(client, subject.data))
    if number or name:
        return Place(_require_active(_by_id(client, number) if number else _by_name(client, str(name))))
    own = _of_reference(client, subject) or _by_name(client, subject.data or _DEFAULT)
    return _with_others(own, _active(client, _DEFAULT))


def _with_others(own: Experiment, other: Experiment | None) -> Place:
    is_another = other is not None and other.experiment_id != own.experiment_id
    return Place(_require_active(own), (str(other.experiment_id),) if other is not None and is_another else ())


def _of_reference(client: MlflowClient, subject: Subject) -> Experiment | None:
    """Returns the experiment of the run that a command names, or None where there is no such run."""
    if not subject.reference:
        return None
    try:
        model = f"{MODELS_ADDRESS}{Registry(client).only()}" if subject.reference == AUTO else ""
        run = client.get_run(run_id_of(client, model or subject.reference))
        return client.get_experiment(run.info.experiment_id)
    except (TrackingError, MlflowException) as error:
        # What is wrong with it is said where the run is read.
        if isinstance(error, MlflowException) and is_outage(error):
            raise
        return None


def _active(client: MlflowClient, name: str) -> Experiment | None:
    try:
        found = client.get_experiment_by_name(name) if name else None
    except MlflowException as error:
        # A user who may not read it reuses nothing of it.
        if not is_refusal(error):
            raise
        return None
    return found if found is not None and found.lifecycle_stage == LifecycleStage.ACTIVE else None


def _require_active(experiment: Experiment) -> Experiment:
    if experiment.lifecycle_stage == LifecycleStage.DELETED:
        raise TrackingError(
            f"experiment {experiment.name}",
            found="that it was deleted",
            expected="an experiment that is active",
            remedy=f"Restore it by `mlflow experiments restore -x {experiment.experiment_id}`, or {_ANOTHER}.",
        )
    return experiment


def _by_id(client: MlflowClient, given: str) -> Experiment:
    try:
        return client.get_experiment(given)
    except MlflowException as error:
        if not _is(error, RESOURCE_DOES_NOT_EXIST, INVALID_PARAMETER_VALUE):
            raise
        raise TrackingError.because(
            error,
            f"experiment {given}, which MLFLOW_EXPERIMENT_ID names",
            expected="the id of an experiment of this store",
            remedy=f"Correct or unset MLFLOW_EXPERIMENT_ID, or unset it and {_ANOTHER}.",
        ) from error


def _by_name(client: MlflowClient, name: str) -> Experiment:
    found = client.get_experiment_by_name(name)
    if found is not None:
        return found
    try:
        return client.get_experiment(client.create_experiment(name))
    except MlflowException as error:
        # Another command has made it in the meantime.
        found = client.get_experiment_by_name(name) if _is(error, RESOURCE_ALREADY_EXISTS) else None
        if found is None:
            raise
        return found


def _is(error: MlflowException, *codes: int) -> bool:
    return error.error_code in map(ErrorCode.Name, codes)


def require_in_place(client: MlflowClient, uri: str, experiment: Experiment) -> None:
    """Requires that the folder of a store on this machine lies where it lay when its runs were made.

    MLflow notes absolute paths: after the folder was moved or copied, it would write new artifacts to the old place.

    Raises:
        TrackingError: The folder was moved or copied.
    """
    place = _folder_of(uri)
    location = experiment.artifact_location
    if place is None or not location or not is_local_uri(location):
        return
    runs = client.search_runs([experiment.experiment_id], f"tags.`{tags.OUTPUT}` LIKE '%'", max_results=1)
    if not runs or not is_local_uri(runs[0].info.artifact_uri):
        return
    noted = Path(local_file_uri_to_path(runs[0].info.artifact_uri))
    found = _found_again(noted, place)
    if found is not None and not (noted.is_dir() and noted.samefile(found)):
        old = Path(*noted.parts[: len(noted.parts) - len(found.relative_to(place).parts)])
        raise _moved(f"artifacts in {place} of runs that were made in {old}", f"`ln -s {place} {old}`")
    folder = Path(local_file_uri_to_path(location))
    if not any(there.exists() for there in (noted, folder, folder.parent, folder.parent.parent)):
        raise _moved(f"runs whose artifacts lie in {folder}, which is gone", f"`ln -s NEW_PLACE {folder}`")


def _moved(found: str, link: str) -> TrackingError:
    return TrackingError(
        "the tracking store's folder, which was moved or copied",
        found=found,
        expected="that artifacts lie where MLflow has noted, since new ones are written beside them",
        remedy=f"Move the folder back; make a link at the old place, if nothing is there: {link}; or {_ANOTHER}.",
    )


def _found_again(noted: Path, place: Path) -> Path | None:
    """Returns the folder below `place` that ends like a noted one, with a run's id and what follows it."""
    ends = (place.joinpath(*noted.parts[first:]) for first in range(1, len(noted.parts) - 1))
    return next((end for end in ends if end.is_dir()), None)


def _folder_of(uri: str) -> Path | None:
    if is_local_uri(uri):
        return Path(local_file_uri_to_path(uri)).absolute().parent
    database = database_of(uri)
    return database.parent if database else None
