"""A tracking server of a test's own as teams run it: PostgreSQL, artifacts in an S3 that it alone reaches."""

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import sqlalchemy
from moto.server import ThreadedMotoServer
from sqlalchemy import make_url

from tests.servers import free_port, wait_until_it_answers

__all__ = ["PASSWORD", "USER", "TrackingServer", "running_s3"]

USER, PASSWORD = "tests", "a-long-password"
_BUCKET = "artifacts"


@contextmanager
def running_s3() -> Iterator[str]:
    """Runs a store that speaks S3 in this process, with an empty bucket; gives its address."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        address = f"http://{host}:{port}"
        with urllib.request.urlopen(urllib.request.Request(f"{address}/{_BUCKET}", method="PUT"), timeout=30):
            yield address
    finally:
        server.stop()


@dataclass
class TrackingServer:
    """MLflow's server with a database of its own, which can be stopped and started again.

    Args:
        folder: Where it may write.
        postgres: The address of a database server.
        s3: The address of a store that speaks S3, with a bucket.
    """

    folder: Path
    postgres: str
    s3: str
    port: int = field(default_factory=free_port)
    name: str = field(default_factory=lambda: f"mlflow_{uuid4().hex[:12]}")
    process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def lay_out(self) -> None:
        """Makes its databases, one for the users."""
        engine = sqlalchemy.create_engine(self.postgres, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(sqlalchemy.text(f"CREATE DATABASE {self.name}"))
            connection.execute(sqlalchemy.text(f"CREATE DATABASE {self.name}_auth"))
        engine.dispose()
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "auth.ini").write_text(
            "[mlflow]\ndefault_permission = READ\nauthorization_function = "
            "mlflow.server.auth:authenticate_request_basic_auth\n"
            f"database_uri = {self._database('_auth')}\nadmin_username = {USER}\nadmin_password = {PASSWORD}\n"
            # Without it every request computes a slow digest of the password.
            "auth_cache_ttl_seconds = 60\n"
        )

    def start(self) -> None:
        """Starts it and waits until it answers."""
        command = [sys.executable, "-m", "mlflow", "server", "--port", str(self.port), "--workers", "1"]
        command += ["--backend-store-uri", self._database(), "--artifacts-destination", f"s3://{_BUCKET}/{self.name}"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")} | {
            "MLFLOW_S3_ENDPOINT_URL": self.s3,
            "AWS_ACCESS_KEY_ID": "tests",
            "AWS_SECRET_ACCESS_KEY": "tests",
            "AWS_DEFAULT_REGION": "us-east-1",
            "MLFLOW_AUTH_CONFIG_PATH": str(self.folder / "auth.ini"),
            "MLFLOW_FLASK_SERVER_SECRET_KEY": "tests",
            # They are processes of their own, for what nothing here asks for.
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        }
        with (self.folder / "server.log").open("ab") as log:
            process = self.process = subprocess.Popen(
                [*command, "--app-name", "basic-auth"],
                env=environment,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
            )
        said = (self.folder / "server.log").read_text
        wait_until_it_answers(f"{self.uri}/health", lambda: process.poll() is None, said)

    def stop(self) -> None:
        """Kills it."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def _database(self, suffix: str = "") -> str:
        # MLflow hands the address to a configuration parser, in which a percent sign means something.
        address = make_url(self.postgres)
        return f"{address.drivername}://{address.username}@/{self.name}{suffix}?host={address.query['host']}"
