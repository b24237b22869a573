import os
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mlflow import MlflowClient
from mlflow.entities import Metric
from mlflow.environment_variables import MLFLOW_HTTP_REQUEST_TIMEOUT
from mlflow.exceptions import MlflowException, RestException
from PIL import Image

from lds_mlflow.config import Options
from lds_mlflow.errors import TrackingError
from lds_mlflow.tracking import Run, Tracker
from lds_mlflow.tracking.outbox import Outbox
from lds_mlflow.tracking.patience import PatientClient, impatient, is_outage

AWAY, LOST, UNKNOWN, THERE = "away", "answer lost", "unknown user", "there"


class Server(MlflowClient):
    """A store in place of a server, which may be away, or do what it is asked and fail to answer."""

    def __init__(self, uri: str) -> None:
        super().__init__(uri)
        self.state: Callable[[], str] = lambda: THERE

    def _ask(self, call: Callable[..., Any], *args: Any, **named: Any) -> Any:
        state = self.state()
        if state == AWAY:
            raise MlflowException("API request failed with exception: connection refused")
        if state == UNKNOWN:
            raise _answer(401)
        answer = call(*args, **named)
        if state == LOST:
            raise requests.ConnectionError("the connection broke")
        return answer

    def log_batch(self, *args: Any, **named: Any) -> Any:
        return self._ask(super().log_batch, *args, **named)

    def log_artifact(self, *args: Any, **named: Any) -> Any:
        return self._ask(super().log_artifact, *args, **named)

    def log_artifacts(self, *args: Any, **named: Any) -> Any:
        return self._ask(super().log_artifacts, *args, **named)

    def set_terminated(self, *args: Any, **named: Any) -> Any:
        return self._ask(super().set_terminated, *args, **named)

    def search_experiments(self, *args: Any, **named: Any) -> Any:
        return self._ask(super().search_experiments, *args, **named)


@pytest.fixture
def server(tracking_uri: str) -> Server:
    return Server(tracking_uri)


@pytest.fixture
def client(server: Server, tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch) -> PatientClient:
    monkeypatch.setattr("lds_mlflow.tracking.patience._FIRST_PAUSE", 0.0)
    monkeypatch.setattr("lds_mlflow.tracking.patience._LONGEST_PAUSE", 0.0)
    # However busy the machine is that the tests run on.
    monkeypatch.setattr("lds_mlflow.tracking.patience._STALL_SECONDS", 60.0)
    return PatientClient(server, Outbox.new(tmp_path / "outbox", "http://host"), 0.2, said.append)


@pytest.fixture
def run(client: PatientClient, tracker: Tracker) -> Run:
    return Run(client, tracker.tracking_uri, tracker.begin("a run", parent=None, values={}).id, tracker.experiment_id)


def _points(tracker: Tracker, run: Run, name: str) -> list[tuple[int, float]]:
    history: list[Metric] = tracker.client.get_metric_history(run.id, name)
    return [(point.step, point.value) for point in history]


def test_while_the_server_answers_nothing_waits(run: Run, client: PatientClient, tracker: Tracker) -> None:
    run.log_metrics({"loss": 1.0}, step=1)
    assert not client.outbox
    assert _points(tracker, run, "loss") == [(1, 1.0)]


def test_an_outage_loses_nothing_and_is_announced_once(
    run: Run, client: PatientClient, server: Server, tracker: Tracker, said: list[str]
) -> None:
    run.log_metrics({"loss": 3.0}, step=1)
    server.state = lambda: AWAY
    run.log_metrics({"loss": 2.0}, step=2)
    run.log_text("all of it", "notes/text.md")
    run.log_progress_picture(Image.new("L", (4, 4)), "samples", 2)
    run.log_metrics({"loss": 1.0}, step=3)
    assert _points(tracker, run, "loss") == [(1, 3.0)]
    server.state = lambda: THERE
    run.log_metrics({"loss": 0.5}, step=4)
    assert _points(tracker, run, "loss") == [(1, 3.0), (2, 2.0), (3, 1.0), (4, 0.5)]
    found = {item.path for folder in ("notes", "images") for item in tracker.client.list_artifacts(run.id, folder)}
    assert "notes/text.md" in found
    assert len(found) == 3
    assert not client.outbox
    assert [line.split(" ", 1)[1][:30] for line in said] == [
        "The tracking server doesn't an",
        "The tracking server is back an",
    ]


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(states=st.lists(st.sampled_from([AWAY, LOST, THERE]), max_size=40))
def test_whatever_the_server_does_every_point_arrives_in_order_and_once(
    states: list[str], server: Server, client: PatientClient, tracker: Tracker
) -> None:
    run = Run(client, tracker.tracking_uri, tracker.begin("a run", parent=None, values={}).id, tracker.experiment_id)
    left = iter(states)
    server.state = lambda: next(left, THERE)
    for step in range(10):
        run.log_metrics({"loss": 1 / (step + 1)}, step)
        run.log_text(f"{step}", f"{step}.txt")
    run.end("FINISHED")
    assert _points(tracker, run, "loss") == [(step, 1 / (step + 1)) for step in range(10)]
    texts = Path(tracker.client.download_artifacts(run.id, ""))
    assert {path.name: path.read_text() for path in texts.iterdir()} == {f"{step}.txt": f"{step}" for step in range(10)}
    assert tracker.client.get_run(run.id).info.status == "FINISHED"


def test_a_finished_run_waits_for_a_server_that_comes_back(
    run: Run, client: PatientClient, server: Server, tracker: Tracker
) -> None:
    back = time.monotonic() + 0.1
    server.state = lambda: THERE if time.monotonic() > back else AWAY
    run.log_metrics({"loss": 1.0})
    run.end("FINISHED")
    assert tracker.client.get_run(run.id).info.status == "FINISHED"
    assert not client.outbox


def test_where_it_never_comes_back_the_error_says_where_everything_is_and_a_later_command_delivers_it(
    run: Run, client: PatientClient, tracker: Tracker, tmp_path: Path, said: list[str]
) -> None:
    server = client.plain
    assert isinstance(server, Server)
    server.state = lambda: AWAY
    run.log_metrics({"loss": 1.0})
    run.log_text("text", "text.txt")
    with pytest.raises(TrackingError, match=r"Nothing is lost: 3 entries are kept in .*outbox.*lds_mlflow deliver"):
        run.end("FINISHED")
    assert run.has_ended
    assert tracker.client.get_run(run.id).info.status == "RUNNING"
    client.outbox.release()
    later = Tracker.connect(Options(work_dir=tmp_path), said.append)
    assert tracker.client.get_run(run.id).info.status == "RUNNING", "what was for another server is left alone"
    assert later.deliver_left_behind(of_any_server=True) == 3
    assert tracker.client.get_run(run.id).info.status == "FINISHED"
    assert "Delivered 3 entries" in said[-1]
    assert later.deliver_left_behind(of_any_server=True) == 0


def test_training_goes_on_where_the_server_no_longer_knows_the_user_and_nothing_is_lost(
    run: Run, client: PatientClient, server: Server, tracker: Tracker
) -> None:
    client.patience = 1000.0
    server.state = lambda: UNKNOWN
    run.log_metrics({"loss": 1.0}, step=1)
    run.log_text("text", "text.txt")
    with pytest.raises(TrackingError, match=r"no longer knows this user.*MLFLOW_TRACKING_PASSWORD are right.*deliver"):
        run.end("FINISHED")
    server.state = lambda: THERE
    client.settle()
    assert _points(tracker, run, "loss") == [(1, 1.0)]
    assert tracker.client.get_run(run.id).info.status == "FINISHED"


def test_a_run_that_fails_where_the_server_no_longer_knows_the_user_is_ended_later(
    run: Run, client: PatientClient, server: Server, tracker: Tracker
) -> None:
    server.state = lambda: UNKNOWN
    run.log_tags({"lds.error": "why"})
    run.end("FAILED")
    server.state = lambda: THERE
    client.settle()
    assert tracker.client.get_run(run.id).info.status == "FAILED"


def test_a_server_that_hangs_stalls_work_for_a_moment_once_and_loses_nothing(
    run: Run, client: PatientClient, server: Server, tracker: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lds_mlflow.tracking.patience._STALL_SECONDS", 0.01)
    answers = Event()

    def hang() -> str:
        assert answers.wait(60)
        return THERE

    server.state = hang
    for step in range(20):
        run.log_metrics({"loss": 1.0}, step)
        run.log_text(f"{step}", f"{step}.txt")
    assert len(client.outbox) == 40
    answers.set()
    client.patience = 60.0
    run.end("FINISHED")
    assert not client.outbox
    assert _points(tracker, run, "loss") == [(step, 1.0) for step in range(20)]
    assert len(tracker.client.list_artifacts(run.id)) == 20


def test_what_takes_long_and_arrives_is_no_outage(
    run: Run, client: PatientClient, server: Server, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lds_mlflow.tracking.patience._STALL_SECONDS", 0.01)

    def slow() -> str:
        time.sleep(0.03)
        return THERE

    server.state = slow
    client.patience = 60.0
    run.log_text("a", "a.txt")
    run.log_text("b", "b.txt")
    run.end("FINISHED")
    assert said == []


def test_a_killed_run_does_not_wait(run: Run, client: PatientClient, server: Server) -> None:
    server.state = lambda: AWAY
    client.patience = 1000.0
    run.end("KILLED")
    assert len(client.outbox) == 1


def test_what_the_server_refuses_is_an_error_at_once(run: Run, client: PatientClient) -> None:
    with pytest.raises(MlflowException, match="Invalid"):
        client.log_batch(run.id, metrics=[Metric("a#b", 1.0, 1, 1)])
    assert not client.outbox


def test_what_waits_and_is_refused_later_is_an_error_that_keeps_it(
    run: Run, client: PatientClient, server: Server, tracker: Tracker
) -> None:
    server.state = lambda: AWAY
    run.log_metrics({"loss": 1.0})
    tracker.client.delete_run(run.id)
    server.state = lambda: THERE
    with pytest.raises(TrackingError, match=r"which the server refuses.*Restore"):
        run.log_metrics({"loss": 2.0})
    assert len(client.outbox) == 2


def test_a_local_store_has_no_outbox(tracker: Tracker) -> None:
    assert type(tracker.client) is MlflowClient


class ClientError(Exception):
    def __init__(self, status: int) -> None:
        self.response = {"ResponseMetadata": {"HTTPStatusCode": status}}


ClientError.__module__ = "botocore.exceptions"


class UploadError(Exception):
    pass


UploadError.__module__ = "boto3.exceptions"


def _uploading(status: int) -> UploadError:
    error = UploadError("failed to upload")
    error.__context__ = ClientError(status)
    return error


def _answer(status: int) -> requests.HTTPError:
    response = requests.Response()
    response.status_code = status
    return requests.HTTPError("no", response=response)


@pytest.mark.parametrize(
    ("error", "outage"),
    [
        (ConnectionRefusedError(), True),
        (TimeoutError(), True),
        (requests.ConnectionError(), True),
        (MlflowException("API request failed"), True),
        (RestException({"error_code": "TEMPORARILY_UNAVAILABLE", "message": ""}), True),
        (RestException({"error_code": "REQUEST_LIMIT_EXCEEDED", "message": ""}), True),
        (RestException({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": ""}), False),
        (MlflowException.invalid_parameter_value("no"), False),
        (_answer(503), True),
        (_answer(401), False),
        (ClientError(500), True),
        (ClientError(403), False),
        (_uploading(503), True),
        (_uploading(403), False),
        (UploadError("nobody there"), True),
        (ValueError("a mistake"), False),
        (FileNotFoundError("gone"), False),
    ],
)
def test_an_outage_is_told_from_a_refusal(error: BaseException, outage: bool) -> None:
    assert is_outage(error) is outage


def test_impatience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "5")
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_TIMEOUT", raising=False)
    with impatient(seconds=3):
        assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "0"
        assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "3"
    assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "5"
    # Another thread's request goes through the environment: a name that vanished there would end it.
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == str(MLFLOW_HTTP_REQUEST_TIMEOUT.default)


def test_errors_of_a_server_that_went_away_have_a_remedy(tracker: Tracker) -> None:
    tracker.tracking_uri = "http://me:secret@host"
    with pytest.raises(TrackingError, match=r"http://me:\*\*\*@host.*Start the server") as caught, tracker:
        raise MlflowException("API request to http://me:secret@host failed")
    assert "secret" not in str(caught.value)
    with pytest.raises(ValueError, match="mine"), tracker:
        raise ValueError("mine")
