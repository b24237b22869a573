"""The image and what compose.yaml makes of it, run by a container engine (DOCKER_HOST).

PostgreSQL and the store that speaks S3 are this machine's own: their images may not be at hand.
"""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import docker
import optuna
import pytest
import sqlalchemy
from docker.errors import APIError, NotFound
from docker.models.containers import Container
from optuna.storages import RDBStorage
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from lds_mlflow.tracking import Tracker, tags
from tests.compose import SECRETS, composed
from tests.conftest import TINY, use_store
from tests.end_to_end.conftest import assignments, environment, on_the_server
from tests.places import ROOT
from tests.postgres import find_postgres, running_postgres
from tests.servers import free_port, wait_until_it_answers
from tests.tracking_server import PASSWORD, USER, running_s3
from tuning.storage import open_storage, swap_attribute

pytestmark = pytest.mark.end_to_end
IMAGE = "lds-mlflow"
FEW_RIGHTS = {"read_only": True, "tmpfs": {"/tmp": ""}, "cap_drop": ["ALL"], "security_opt": ["no-new-privileges"]}
Begin = Callable[..., Container]


@pytest.fixture(scope="module")
def engine() -> docker.DockerClient:
    host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    if host.startswith("unix://") and not Path(host.removeprefix("unix://")).is_socket():
        pytest.skip("no container engine answers at DOCKER_HOST")
    client = docker.from_env(timeout=1800)
    client.ping()
    # An engine without a way to the registry of images has its own of this name, with another digest.
    base = os.environ.get("LDS_BASE_IMAGE")
    client.images.build(path=str(ROOT), tag=IMAGE, buildargs={"BASE": base} if base else {})
    return client


@pytest.fixture
def begin(engine: docker.DockerClient) -> Iterator[Begin]:
    """Starts containers with few rights on this machine's network; none outlives its test."""
    containers: list[Container] = []

    def start(command: list[str], variables: Mapping[str, str], volumes: list[str] | None = None) -> Container:
        container = engine.containers.run(
            IMAGE,
            command,
            detach=True,
            network_mode="host",
            environment=dict(variables),
            volumes=volumes or [],
            **FEW_RIGHTS,
        )
        containers.append(container)
        return container

    yield start
    for container in containers:
        with suppress(NotFound, APIError):
            container.remove(force=True, v=True)


def _ended(container: Container) -> str:
    status = container.wait(timeout=900)["StatusCode"]
    said = str(container.logs().decode())
    assert status == 0, said[-3000:]
    return said


def _wait(container: Container, address: str) -> None:
    def is_running() -> bool:
        container.reload()
        return bool(container.status == "running")

    wait_until_it_answers(address, is_running, lambda: str(container.logs().decode()))


def _health_check() -> list[str]:
    # Some engines keep no health check of an image.
    (command,) = re.findall(r"^HEALTHCHECK [^\[]*CMD (\[.*\])$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    return [str(word) for word in json.loads(command)]


def _ask(address: str, content: Any = None, password: str = "") -> bytes:
    body = None if content is None else json.dumps(content).encode()
    request = urllib.request.Request(address, data=body, headers={"Content-Type": "application/json"})
    if password:
        request.add_header("Authorization", "Basic " + base64.b64encode(f"admin:{password}".encode()).decode())
    with urllib.request.urlopen(request, timeout=60) as answer:
        return bytes(answer.read())


def test_the_image_runs_an_entry_point_as_a_user_and_writes_only_where_it_may(begin: Begin) -> None:
    variables = {"MLFLOW_TRACKING_URI": "sqlite:////work/mlflow.db"}
    flags = [f"--{name}={value}" for name, value in assignments("finetune", Path("/work"), {}).items()]
    said = _ended(begin(["python", "-m", "lds_mlflow", "finetune", *flags], variables))
    assert "finetune finished in" in said
    assert _ended(begin(["id", "-u"], {})).strip() == "1000"
    tried = begin(["sh", "-c", "touch /work/a /tmp/a && ! touch /opt/a"], {})
    assert "Read-only" in _ended(tried)


@on_the_server
def test_mlflow_run_with_a_docker_environment(engine: docker.DockerClient, tracker: Tracker, tmp_path: Path) -> None:
    assert engine.images.get(IMAGE)
    if shutil.which("docker") is None:
        pytest.skip("MLflow's launcher calls the program docker, which isn't installed")
    flags = [f"-P{name}={value}" for name, value in assignments("train", Path("/work"), {}).items()]
    command = [sys.executable, "-m", "mlflow", "run", str(ROOT / "containers"), "-e", "train", "-A", "network=host"]
    passwords = tmp_path / "passwords.env"
    passwords.write_text(f"MLFLOW_TRACKING_USERNAME={USER}\nMLFLOW_TRACKING_PASSWORD={PASSWORD}\n")
    command += ["-A", f"env-file={passwords}", *flags]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    (run,) = tracker.client.search_runs([tracker.experiment_id], f"tags.`{tags.STEP}` = 'train'")
    assert (run.info.status, run.data.tags["mlflow.project.env"]) == ("FINISHED", "docker")
    assert run.data.params["train_steps"] == str(TINY["train_steps"])


@pytest.fixture
def databases() -> Iterator[int]:
    """The port of a PostgreSQL of this machine with the databases and the role that compose.yaml's has."""
    programs = find_postgres()
    if programs is None:
        pytest.skip("PostgreSQL isn't installed (Debian: apt install postgresql)")
    port, password = free_port(), SECRETS["POSTGRES_PASSWORD"]
    with running_postgres(programs, user="mlflow", password=password, port=port) as base:
        engine = sqlalchemy.create_engine(base, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(sqlalchemy.text("CREATE DATABASE mlflow"))
        engine.dispose()
        place = {"PGHOST": "127.0.0.1", "PGPORT": str(port), "PGPASSWORD": password}
        variables = {**os.environ, **place, **composed()["services"]["postgres"]["environment"]}
        variables["PATH"] = f"{programs}:{variables['PATH']}"
        subprocess.run(["bash", str(ROOT / "containers" / "databases.sh")], env=variables, check=True)
        yield port


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_the_role_of_the_workers_works_on_studies_and_changes_nothing_else(
    databases: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", SECRETS["POSTGRES_PASSWORD"])
    RDBStorage(f"postgresql+psycopg://mlflow@127.0.0.1:{databases}/tuning", engine_kwargs={"poolclass": NullPool})
    monkeypatch.setenv("PGPASSWORD", SECRETS["WORKER_DATABASE_PASSWORD"])
    address = f"postgresql+psycopg://worker@127.0.0.1:{databases}/tuning"
    storage = open_storage(address, print, 10)
    study = optuna.create_study(study_name="lds", storage=storage)
    study.enqueue_trial({"x": 0.5})
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
    study.set_user_attr("lead", "one")
    assert swap_attribute(address, "lds", "lead", "one", "two")
    storage.engine.dispose()
    for statement in (
        "DROP TABLE trials",
        "ALTER TABLE trials ADD COLUMN x int",
        "TRUNCATE trials",
        "CREATE TABLE mine (x int)",
        "CREATE TEMPORARY TABLE mine (x int)",
        "CREATE SCHEMA mine",
        "SET ROLE mlflow",
        "SELECT pg_read_file('/etc/passwd')",
    ):
        with pytest.raises(DBAPIError, match="InsufficientPrivilege"):
            _ask_database(address, statement)
    for other in ("mlflow", "auth", "postgres", "template1"):
        with pytest.raises(DBAPIError, match="permission denied for database"):
            _ask_database(f"{address.removesuffix('tuning')}{other}", "SELECT 1")


def _ask_database(address: str, statement: str) -> None:
    with sqlalchemy.create_engine(address, poolclass=NullPool).begin() as connection:
        connection.execute(sqlalchemy.text(statement))


@pytest.fixture
def services(databases: int, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """compose.yaml's services with the addresses of this machine's database and store in place of their names."""
    mlflow = free_port()
    with running_s3() as s3:
        text = json.dumps(composed()["services"])
        for name, there in {
            "@postgres/": f"@127.0.0.1:{databases}/",
            "http://s3:8333": s3,
            "http://mlflow:5000": f"http://127.0.0.1:{mlflow}",
            "--port=5000": f"--port={mlflow}",
            "127.0.0.1:5000": f"127.0.0.1:{mlflow}",
        }.items():
            assert name in text
            text = text.replace(name, there)
        found = json.loads(text)
        rights = (ROOT / "containers" / "auth.ini").read_text()
        (tmp_path / "auth.ini").write_text(rights.replace("@postgres/", f"@127.0.0.1:{databases}/"))
        yield {**found, "uri": f"http://127.0.0.1:{mlflow}"}


def test_the_services_of_compose_work_together(
    services: dict[str, Any], begin: Begin, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server = services["mlflow"]
    containers = [begin(server["command"], server["environment"], [f"{tmp_path / 'auth.ini'}:/etc/mlflow-auth.ini:ro"])]
    _wait(containers[0], f"{services['uri']}/health")
    with pytest.raises(urllib.error.HTTPError, match="401"):
        _ask(f"{services['uri']}/api/2.0/mlflow/experiments/get?experiment_id=0", password="guessed")
    assert _ask(
        f"{services['uri']}/api/2.0/mlflow/experiments/get?experiment_id=0", password=SECRETS["MLFLOW_PASSWORD"]
    )

    setup = services["setup"]
    script = f"{ROOT / 'containers' / 'setup.py'}:/opt/setup.py:ro"
    containers += [begin(setup["command"], setup["environment"], [script]) for _ in range(2)]
    for one in containers[1:]:
        _ended(one)
    use_store(monkeypatch, services["uri"], "digits")
    worker = services["worker"]
    tiny = {"trials": 2, "seeds": 1, "fresh_seeds": 2, "finalists": 1, "workers": 1}
    flags = {**assignments("tune", Path("/work"), tiny), "storage": "", "study": ""}
    command = [*worker["command"], *(f"--{name}={value}" for name, value in flags.items() if value)]
    workers = [begin(command, worker["environment"]) for _ in range(2)]
    containers += workers
    said = [_ended(one) for one in workers]
    assert any("This command makes the same weights: " in one for one in said)
    for name, value in worker["environment"].items():
        monkeypatch.setenv(name, value)
    tracker = Tracker.connect()
    trials = tracker.client.search_runs([tracker.experiment_id], f"tags.`{tags.STATE}` != ''")
    assert len(trials) == 2

    # All containers are on this machine's network, and none listens where the sampler will.
    assert containers[0].exec_run(_health_check()).exit_code != 0
    sampler = services["sampler"]
    containers.append(begin([*sampler["command"], "--model=models:/digits@challenger"], sampler["environment"]))
    _wait(containers[-1], "http://127.0.0.1:5001/ping")
    answer = json.loads(_ask("http://127.0.0.1:5001/invocations", {"dataframe_records": [{"seed": 7}]}))
    assert base64.b64decode(answer["predictions"][0]["image"]).startswith(b"\x89PNG")
    assert b"<html" in _ask("http://127.0.0.1:5001/")
    assert containers[-1].exec_run(_health_check()).exit_code == 0
    logged = "".join(one.logs().decode() for one in containers)
    assert not [name for name, secret in SECRETS.items() if secret in logged]
