"""An MLflow client that loses nothing while the server is unreachable: unsent calls are kept on the disk.

So are calls that the server refuses since it no longer knows the user: a token may expire in the middle of training.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep, strftime, time
from typing import Any

import requests
from mlflow import MlflowClient
from mlflow.entities import DatasetInput, RunTag
from mlflow.environment_variables import MLFLOW_HTTP_REQUEST_MAX_RETRIES, MLFLOW_HTTP_REQUEST_TIMEOUT
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode
from sqlalchemy.exc import SQLAlchemyError

from lds_mlflow.errors import LdsError, TrackingError, first_line
from lds_mlflow.machine.background import in_background
from lds_mlflow.tracking.outbox import Entry, Outbox, batch, ending, files, inputs

__all__ = [
    "PatientClient",
    "deliver",
    "impatient",
    "is_of_a_database",
    "is_outage",
    "is_refusal",
    "says_that_there_is_none",
]

_ANSWER_SECONDS, _UPLOAD_SECONDS = 10, 120
_STALL_SECONDS = 1.0
"""How long work waits for an answer; then it goes on, and the answer is asked for later."""

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0
_IN_ORDER = "what is logged is sent in order, and not in the background"
_BUSY = (408, 429)
_UNKNOWN_USER = 401
_REFUSALS = (_UNKNOWN_USER, 403)
_ONCE_KNOWN = ", and MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD are right"
_SERVER_ERROR = 500
_STORES = ("boto3", "botocore")


class PatientClient(MlflowClient):
    """MLflow's client for a server that may become unreachable: unsent calls wait in an outbox, and work continues.

    Once the server answers again, the waiting calls are delivered in order before any new call. A thread sends one call
    after the other, and the caller waits for it a second at most: a server that hangs stalls no training. Calls that
    read wait as long as MLflow retries them (MLFLOW_HTTP_REQUEST_MAX_RETRIES). Use it from one thread only, since
    MLflow reads its timeouts from the environment of the process.

    Args:
        plain: The client that sends each call at once, or fails.
        outbox: Where to keep the calls that the server doesn't receive.
        patience: Seconds to wait for the server at the end of a run.
        say: Prints a line.
    """

    def __init__(self, plain: MlflowClient, outbox: Outbox, patience: float, say: Callable[[str], None]) -> None:
        super().__init__(plain.tracking_uri)
        self.plain, self.outbox, self.patience, self.say = plain, outbox, patience, say
        self._pause, self._next_try = _FIRST_PAUSE, 0.0
        self._sending: Future[int] | None = None
        self._left: Future[None] | None = None
        self._is_unknown = self._is_announced = False

    def log_batch(
        self,
        run_id: str,
        metrics: Sequence[Any] = (),
        params: Sequence[Any] = (),
        tags: Sequence[Any] = (),
        synchronous: bool | None = None,
    ) -> None:
        """Logs metrics, parameters and tags."""
        assert synchronous is not False, _IN_ORDER
        self._send(batch(run_id, metrics, params, tags))

    def set_tag(self, run_id: str, key: str, value: Any, synchronous: bool | None = None) -> None:
        """Sets a tag."""
        assert synchronous is not False, _IN_ORDER
        self._send(batch(run_id, (), (), [RunTag(key, str(value))]))

    def log_inputs(self, run_id: str, datasets: Sequence[DatasetInput] | None = None, models: Any = None) -> None:
        """Logs the data sets that a run read."""
        assert not models, "only data sets are logged"
        self._send(inputs(run_id, list(datasets or ())))

    def log_artifact(self, run_id: str, local_path: str, artifact_path: str | None = None) -> None:
        """Logs a file."""
        self._send(files(run_id, Path(local_path), artifact_path))

    def log_artifacts(self, run_id: str, local_dir: str, artifact_path: str | None = None) -> None:
        """Logs the content of a folder."""
        self._send(files(run_id, Path(local_dir), artifact_path))

    def set_terminated(self, run_id: str, status: str | None = None, end_time: int | None = None) -> None:
        """Ends a run."""
        self._send(ending(run_id, status or "FINISHED", end_time or int(1000 * time())))

    def settle(self) -> None:
        """Waits until everything is delivered, for at most the seconds of `patience`.

        Raises:
            TrackingError: The server is still unreachable; everything is in the outbox.
        """
        deadline = monotonic() + self.patience
        while self.outbox or self._sending is not None:
            if self._try():
                return
            # This process gets no other password.
            if self._is_unknown or monotonic() >= deadline:
                raise self._lost()
            if self._sending is None and self._left is None:
                sleep(min(self._pause, max(deadline - monotonic(), 0.0)))

    def _send(self, entry: Entry) -> None:
        if self.outbox or self._sending is not None:
            self.outbox.put(entry)
            if monotonic() >= self._next_try:
                self._try()
            return
        sending = in_background(lambda: self._call(entry))
        try:
            sending.result(_STALL_SECONDS)
        except FutureTimeoutError:
            # It may still arrive, or its files may be gone too early: it is sent again once this call has ended.
            self.outbox.put(entry)
            self._left = sending
        except Exception as error:
            if not (is_outage(error) or _is_unknown_user(error)):
                raise
            self.outbox.put(entry)
            self._failed(error)

    def _call(self, entry: Entry) -> None:
        with impatient(seconds=_UPLOAD_SECONDS if entry.source else _ANSWER_SECONDS):
            entry.send(self.plain)

    def _try(self) -> bool:
        """Goes on to deliver the waiting calls, for a moment; returns whether the server has received all of them."""
        if self._left is not None:
            if wait([self._left], _STALL_SECONDS).not_done:
                return False
            self._left = None
        if self._sending is None:
            self._sending, self._is_unknown = in_background(lambda: deliver(self.outbox, self.plain)), False
        try:
            n = self._sending.result(_STALL_SECONDS)
        except FutureTimeoutError:
            return False
        except LdsError:
            self._sending = None
            raise
        except Exception as error:
            self._sending = None
            self._failed(error)
            return False
        self._sending, self._pause = None, _FIRST_PAUSE
        if self.outbox:
            return self._try()
        if self._is_announced:
            self._is_announced = False
            self.say(f"{strftime('%H:%M:%S')} The tracking server is back and has received {n:,} waiting entries.")
        return True

    def _failed(self, error: Exception) -> None:
        self._is_unknown = _is_unknown_user(error)
        self._postpone()
        if not self._is_announced:
            self._is_announced = True
            self.say(
                f"{strftime('%H:%M:%S')} The tracking server doesn't answer ({first_line(error)}). Work continues; "
                f"tracking data is kept in {self.outbox.folder} until the server is back."
            )

    def _postpone(self) -> None:
        self._next_try = monotonic() + self._pause
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)

    def _lost(self) -> TrackingError:
        return TrackingError(
            f"tracking server {self.tracking_uri}",
            found="that it no longer knows this user"
            if self._is_unknown
            else f"no answer for {self.patience / 60:.0f} minutes",
            expected="that the server takes what is logged",
            remedy=f"Nothing is lost: {len(self.outbox):,} entries are kept in {self.outbox.folder}. Once the server "
            f"is back{_ONCE_KNOWN if self._is_unknown else ''}, run the same command again, or "
            "`python -m lds_mlflow deliver`.",
        )


def deliver(outbox: Outbox, client: MlflowClient) -> int:
    """Delivers the entries of an outbox. Returns their number.

    Raises:
        TrackingError: The server refuses an entry.
        ArtifactError: An entry is damaged.
        Exception: The server is unreachable. After each of these errors, the undelivered entries are still kept.
    """
    try:
        with impatient():
            # An unreachable server is recognised within seconds, even if the first entry is a large upload.
            client.search_experiments(max_results=1)
        with impatient(seconds=_UPLOAD_SECONDS):
            return outbox.deliver(client)
    except Exception as error:
        if isinstance(error, LdsError) or is_outage(error) or _is_unknown_user(error):
            raise
        raise TrackingError.because(
            error,
            f"tracking data in {outbox.folder}, which the server refuses",
            expected="a server that has the runs to which this data belongs",
            remedy="Restore these runs, and run `python -m lds_mlflow deliver`.",
        ) from error


@contextmanager
def impatient(*, seconds: int = _ANSWER_SECONDS) -> Iterator[None]:
    """Makes MLflow ask a server only once, instead of retrying for minutes. Use it from one thread at a time.

    Args:
        seconds: How long to wait for an answer.
    """
    patience = {MLFLOW_HTTP_REQUEST_MAX_RETRIES: 0, MLFLOW_HTTP_REQUEST_TIMEOUT: seconds}
    before = {variable: variable.get() for variable in patience}
    for variable, value in patience.items():
        variable.set(value)
    try:
        yield
    finally:
        # Not unset again: MLflow's own threads, and requests, go through the environment, which has to keep its names.
        for variable, value in before.items():
            variable.set(value)


def is_outage(error: BaseException) -> bool:
    """Whether an error says that the server is unreachable or overloaded, and not that the request was wrong."""
    known = MlflowException | ConnectionError | TimeoutError | requests.RequestException
    if not isinstance(error, known) and type(error).__module__.split(".")[0] not in _STORES:
        return False
    status = _status(error)
    return status is None or status in _BUSY or status >= _SERVER_ERROR


def is_of_a_database(error: BaseException | None) -> bool:
    """Whether an error comes from the database of a local store: it is locked or damaged, or its disk is full."""
    return error is not None and (
        isinstance(error, SQLAlchemyError) or is_of_a_database(error.__cause__ or error.__context__)
    )


def is_refusal(error: BaseException) -> bool:
    """Whether an error says that the server knows what was asked, and denies it to this user."""
    return isinstance(error, MlflowException | requests.RequestException) and _status(error) in _REFUSALS


def _is_unknown_user(error: BaseException) -> bool:
    # A password that was changed, or a token that has expired, in the middle of work.
    return is_refusal(error) and _status(error) == _UNKNOWN_USER


def says_that_there_is_none(error: MlflowException) -> bool:
    """Whether a store answers that there is no such thing; every other error leaves open whether there is one."""
    return bool(error.error_code == ErrorCode.Name(RESOURCE_DOES_NOT_EXIST))


def _status(error: BaseException | None) -> int | None:
    # The status of the HTTP response, if there was one; an S3 store's response is wrapped in an error of boto3.
    if error is None:
        return None
    response = getattr(error, "response", None)
    if isinstance(response, requests.Response):
        return response.status_code
    if isinstance(response, dict):
        return int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", _SERVER_ERROR))
    if isinstance(error, MlflowException):
        return int(error.get_http_status_code())
    return _status(error.__cause__ or error.__context__)
