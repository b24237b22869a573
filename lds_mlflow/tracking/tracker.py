"""The tracking store: begins runs, and finds finished ones."""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from time import time
from types import TracebackType
from typing import Self

import mlflow
from mlflow import MlflowClient
from mlflow.environment_variables import MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID, MLFLOW_RUN_NAME
from mlflow.utils.uri import is_local_uri
from sqlalchemy.exc import SQLAlchemyError

from lds_mlflow.config import Options
from lds_mlflow.config.place import handed_over, lasting_place
from lds_mlflow.errors import LdsError, TrackingError, without_passwords
from lds_mlflow.tracking import tags
from lds_mlflow.tracking.address import show_bars_of_downloads_only
from lds_mlflow.tracking.experiment import Subject, place_of, require_in_place
from lds_mlflow.tracking.handover import take_over
from lds_mlflow.tracking.heartbeat import Heartbeat, now
from lds_mlflow.tracking.layout import lay_out
from lds_mlflow.tracking.lineage import FinishedRun
from lds_mlflow.tracking.outbox import Outbox
from lds_mlflow.tracking.pages import VIEW
from lds_mlflow.tracking.patience import (
    PatientClient,
    deliver,
    impatient,
    is_of_a_database,
    is_outage,
    is_refusal,
    says_that_there_is_none,
)
from lds_mlflow.tracking.processes import has_ended, this_process
from lds_mlflow.tracking.references import run_id_of
from lds_mlflow.tracking.registry import Registry
from lds_mlflow.tracking.results import Results
from lds_mlflow.tracking.runs import Run
from lds_mlflow.tracking.vanished import refuse_vanished_files

__all__ = ["Tracker"]

_OUTBOX = "outbox"
_log = logging.getLogger(__name__)
_KIND = ("mlflow.experimentKind", "custom_model_development")
"""The tag that says that an experiment is of training, and not of language models; see also `tracking.pages`."""


class Tracker:
    """One experiment of one tracking store.

    Used as a context manager, it turns errors of a server that has become unreachable into TrackingError.

    Args:
        tracking_uri: The address of the store.
        experiment_id: MLflow's id of the experiment.
        options: Where to keep undelivered tracking data, and how long to wait for an unreachable server.
        say: Prints a line.
        origins: Where the command's parameters come from that were given, by their names; its run says so.
        others: Ids of other experiments whose finished runs are reused.
    """

    def __init__(
        self,
        tracking_uri: str,
        experiment_id: str,
        options: Options,
        say: Callable[[str], None],
        *,
        origins: Mapping[str, str] | None = None,
        others: Sequence[str] = (),
    ) -> None:
        self.tracking_uri, self.experiment_id = tracking_uri, experiment_id
        self.work_dir, self.say = options.work_dir.absolute(), say
        self.origins = dict(origins or {})
        self.outboxes = self.work_dir / _OUTBOX
        self.client = MlflowClient(tracking_uri)
        if not _is_local(tracking_uri):
            outbox = Outbox.new(self.outboxes, without_passwords(tracking_uri))
            self.client = PatientClient(self.client, outbox, 60 * options.outage_minutes, say)
        self.heartbeat = Heartbeat(tracking_uri)
        self.registry = Registry(self.client)
        self.experiments = [experiment_id, *others]
        self.results = Results(self.client, tracking_uri, self.experiments, self.registry)

    @classmethod
    def connect(
        cls,
        options: Options | None = None,
        say: Callable[[str], None] = _log.warning,
        origins: Mapping[str, str] | None = None,
        subject: Subject | None = None,
    ) -> "Tracker":
        """Opens the store and experiment that MLflow's environment variables name.

        Without these variables it opens a SQLite file in the current folder and the experiment of the command's
        subject. Tracking data that earlier commands could not deliver to the store is delivered now.

        Args:
            options: Where to keep undelivered tracking data, and how long to wait for an unreachable server.
            say: Prints a line.
            origins: Where the command's parameters come from that were given, by their names; its run says so.
            subject: What the command is about.

        Raises:
            TrackingError: The store can't be reached or used, or has no such experiment.
        """
        # Creating a fresh SQLite store logs one line a schema migration.
        logging.getLogger("alembic").setLevel(logging.WARNING)
        # What MLflow checks when a model is logged is of no concern to who runs a command.
        logging.getLogger("mlflow.pyfunc").setLevel(logging.WARNING)
        logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)
        refuse_vanished_files()
        uri = mlflow.get_tracking_uri()
        MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT.set(True)
        show_bars_of_downloads_only()
        try:
            with impatient():
                lay_out(uri)
                client = MlflowClient(uri)
                experiment, others = place_of(client, subject or Subject())
                require_in_place(client, uri, experiment)
                tracker = cls(
                    uri, str(experiment.experiment_id), options or Options(), say, origins=origins, others=others
                )
                for tag in (_KIND, VIEW):
                    tracker.client.set_experiment_tag(tracker.experiment_id, *tag)
        except (MlflowException, OSError, SQLAlchemyError, ImportError) as error:
            raise _away(uri, error, _remedy(uri, error)) from error
        if lasting_place():
            say(f"The project is a temporary copy, so checkpoints and waiting data are kept in {tracker.work_dir}.")
        tracker.deliver_left_behind()
        return tracker

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(self.client, PatientClient) and self.client.outbox:
            self.say(
                f"Tracking data that the server has not received is kept in {self.outboxes}; "
                "`python -m lds_mlflow deliver` delivers it."
            )
        if isinstance(error, LdsError):
            # It is a sentence already, and may be about another database.
            return
        if error is not None and _is_local(self.tracking_uri) and is_of_a_database(error):
            remedy = (
                "Correct what is said here, and run the same command again, which goes on from its last checkpoint."
            )
            raise _away(self.tracking_uri, error, remedy) from error
        if error is not None and not _is_local(self.tracking_uri) and is_outage(error):
            raise _away(self.tracking_uri, error, "Start the server, and run the same command again.") from error
        if error is not None and is_refusal(error):
            remedy = "Ask whoever runs the server for the right to do this, and run the same command again."
            raise _away(self.tracking_uri, error, remedy) from error

    def deliver_left_behind(self, *, of_any_server: bool = False) -> int:
        """Delivers the tracking data of ended processes that was not delivered. Returns the number of entries.

        Args:
            of_any_server: Whether to deliver also the data for servers with another address.

        Raises:
            TrackingError: The server refuses an entry, or is unreachable.
        """
        n = 0
        for outbox in Outbox.left_behind(self.outboxes):
            try:
                if of_any_server or outbox.server == without_passwords(self.tracking_uri):
                    n += deliver(outbox, MlflowClient(self.tracking_uri))
            except LdsError:
                raise
            except Exception as error:
                # The error may come from MLflow, from requests, or from the client of the artifact store.
                raise _away(self.tracking_uri, error, "Nothing is lost. Run the same command again.") from error
            finally:
                outbox.release()
        if n:
            self.say(f"Delivered {n:,} entries of earlier commands, which the tracking server had not received.")
        return n

    def begin(self, name: str, *, parent: str | None, values: Mapping[str, str]) -> Run:
        """Begins a run. Without a parent, this is the run that `mlflow run` has created, if there is one.

        Args:
            name: Name of the run in MLflow's UI; a name that was given to `mlflow run` stays.
            parent: Id of the parent run, or None.
            values: Tags of the run.

        Raises:
            TrackingError: MLFLOW_RUN_ID names a run that isn't there.
        """
        known = {tags.PROCESS: this_process(), tags.SEEN: now(), **values}
        if parent is None and self.origins:
            known[tags.PARAMETERS] = json.dumps(self.origins)
        handed = handed_over() if parent is None else ""
        named = take_over(self.client, handed, name, known, self.work_dir / "locks") if handed else ""
        if named:
            return self.heartbeat.watch(
                Run(self.client, self.tracking_uri, handed, self.experiment_id, launched=True, is_named=named != name)
            )
        if handed:
            self.say(f"Run {handed}, which MLFLOW_RUN_ID names, is another command's; this command begins its own.")
        nesting = {MLFLOW_PARENT_RUN_ID: parent} if parent else {}
        entity = self.client.create_run(
            self.experiment_id, run_name=name, tags={MLFLOW_RUN_NAME: name, **nesting, **known}
        )
        return self.heartbeat.watch(self.beside(entity.info.run_id))

    def reopen(self, run_id: str) -> Run:
        """Continues a run that has ended, or whose process has ended.

        Raises:
            TrackingError: The run isn't in this store.
        """
        try:
            self.client.update_run(run_id, status="RUNNING")
        except MlflowException as error:
            if not says_that_there_is_none(error):
                raise
            raise TrackingError.because(
                error,
                f"run {run_id}",
                expected=f"a run of the store {self.tracking_uri}",
                remedy="Set MLFLOW_TRACKING_URI to the store that the run is in.",
            ) from error
        run = self.beside(run_id)
        run.log_tags({tags.PROCESS: this_process(), tags.SEEN: now()})
        return self.heartbeat.watch(run)

    def beside(self, run_id: str) -> Run:
        """Returns a run to which another process also writes."""
        return Run(self.client, self.tracking_uri, run_id, self.experiment_id)

    def kill(self, run_id: str) -> None:
        """Ends the run of a trial whose process has ended as KILLED, even if the run was marked as finished."""
        self.client.set_tag(run_id, tags.STATE, "lost")
        self.client.set_terminated(run_id, "KILLED")

    def end_orphans(self) -> None:
        """Ends runs as KILLED that are marked as running, but whose process has ended; see `has_ended`."""
        running = self.client.search_runs(
            self.experiments, filter_string=f"attributes.status = 'RUNNING' and tags.`{tags.PROCESS}` LIKE '%'"
        )
        for run in running:
            if has_ended(run.data.tags[tags.PROCESS], run.data.tags.get(tags.SEEN), time()):
                self._end_for_another(run.info.run_id)

    def _end_for_another(self, run_id: str) -> None:
        try:
            self.client.set_terminated(run_id, "KILLED")
        except MlflowException as error:
            # It is a run of somebody else, who may end it.
            if not is_refusal(error):
                raise

    def open(self, reference: str) -> FinishedRun:
        """Opens a run.

        Args:
            reference: Its id, or the first digits of it as commands print them, a runs:/ID address, or the models:/
                address of a model that it logged.

        Raises:
            TrackingError: There is no such run, or it has not finished.
        """
        try:
            entity = self.client.get_run(run_id_of(self.client, reference))
        except MlflowException as error:
            if is_outage(error) or is_refusal(error):
                raise
            raise TrackingError.because(
                error,
                f"run {reference}",
                expected="the id of a run, eight or more of its first digits, or a runs:/ or models:/ address",
                remedy="Look up the id in the MLflow UI, or give auto.",
            ) from error
        # A run that only reused another has no artifacts of its own.
        reused = entity.data.tags.get(tags.REUSED)
        if reused:
            return self.open(reused)
        if entity.info.status != "FINISHED":
            raise TrackingError(
                f"run {reference}",
                found=f"status {entity.info.status}",
                expected="FINISHED",
                remedy="Run its command again to finish the run, or give auto.",
            )
        return FinishedRun(entity, self.tracking_uri)


def _is_local(uri: str) -> bool:
    return is_local_uri(uri) or uri.startswith("sqlite:")


def _remedy(uri: str, error: BaseException) -> str:
    if isinstance(error, ImportError):
        return (
            "Install this module. For PostgreSQL, install the project's extra postgres, and begin the address with "
            "postgresql+psycopg://."
        )
    if " 401 " in str(error):
        return "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD."
    if _is_local(uri) or (isinstance(error, MlflowException) and not is_outage(error)):
        return "Correct what is said here, or set MLFLOW_TRACKING_URI to another store."
    return "Start the server, or set MLFLOW_TRACKING_URI to a running server."


def _away(uri: str, error: BaseException, remedy: str) -> TrackingError:
    return TrackingError.because(error, f"tracking store {uri}", expected="a store that answers", remedy=remedy)
