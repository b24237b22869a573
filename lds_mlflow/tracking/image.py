"""The command `image`: a container image that serves a registered version, checked before it gets its name.

The image has MLflow's scoring server, the version's files, and the packages that it was registered with. It is started
once, and one sample of it has to have the bits of one that is drawn here.
"""

import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import docker
import mlflow
from docker.errors import DockerException
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from mlflow.exceptions import MlflowException

from lds_mlflow.config import ImageConfig
from lds_mlflow.errors import TrackingError, first_line
from lds_mlflow.tracking.address import show_bars_of_downloads_only
from lds_mlflow.tracking.registry import MODELS_ADDRESS, Registry, Version

__all__ = ["build_image", "version_of_engine"]

_PORT = 8080
_DOCKERFILE = f"""\
FROM {{base_image}}
ARG PIP_EXTRA_INDEX_URL
RUN useradd --uid 1000 --create-home lds
COPY model/requirements.txt /opt/
RUN pip install --no-cache-dir -r /opt/requirements.txt
COPY --chown=1000:1000 model /opt/model
ENV GIT_PYTHON_REFRESH=quiet HOME=/tmp MPLCONFIGDIR=/tmp/matplotlib MLFLOW_HOST=0.0.0.0 MLFLOW_PORT={_PORT}
USER 1000
EXPOSE {_PORT}
HEALTHCHECK --interval=15s --timeout=5s --start-period=90s CMD ["python", "-c", \
"import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['MLFLOW_PORT'] + '/ping', timeout=4)"]
CMD ["mlflow", "models", "serve", "--model-uri", "/opt/model", "--env-manager", "local"]
"""

_SEED = {"dataframe_records": [{"seed": 0}], "params": {"format": "array"}}
_LINES_OF_A_LOG = 30
_ENDED = ("exited", "dead")
_POLL_SECONDS, _PING_SECONDS, _BUILD_SECONDS = 1.0, 10, 3600


class Container(Protocol):
    """What is asked of a container of the docker package."""

    status: str

    def reload(self) -> None:
        """Asks the engine for its state."""

    def logs(self, *, tail: int) -> bytes:
        """Returns the end of what it has printed."""

    def remove(self, *, force: bool) -> None:
        """Ends and removes it."""


def build_image(config: ImageConfig, say: Callable[[str], None]) -> str:
    """Builds the image of a registered version, checks it, and gives it its name.

    Args:
        config: The configuration.
        say: Prints a line.

    Returns:
        The name of the image.

    Raises:
        TrackingError: No container engine answers, there is no such version, the image can't be built or does not
            serve, or it draws another sample.
    """
    engine = _engine(_BUILD_SECONDS)
    show_bars_of_downloads_only()
    registry = Registry(MlflowClient())
    version = registry.of_address(registry.address_of(config.model))
    uri = f"{MODELS_ADDRESS}{version.name}/{version.number}"
    name = config.image or _name_of(version)
    wanted = mlflow.pyfunc.load_model(uri).predict([0], {"format": "array"})["image"][0]
    say(f"Building {name} of {uri} on {config.base_image}; installing the packages of the model takes minutes.")
    image = _built(engine, uri, config)
    with _started(engine, image.id, config) as (container, port):
        _wait(container, port, config.start_minutes)
        if _sample_of(port) != wanted:
            raise TrackingError(
                f"the image of {uri}",
                found="a sample of the seed 0 that differs from the one drawn here",
                expected="the same bits",
                remedy="Build it on the kind of processor that it is compared on; it has been given no name.",
            )
    image.tag(*name.rsplit(":", 1))
    return name


def version_of_engine() -> str:
    """Returns the version of the container engine that answers at DOCKER_HOST, or "" where none does."""
    try:
        with closing(_engine(_PING_SECONDS)) as engine:
            return str(engine.version()["Version"])
    except (TrackingError, DockerException):
        return ""


def _engine(seconds: int) -> Any:
    silent = TrackingError(
        "a container engine",
        found="none that answers",
        expected="Docker, or another engine with its interface, at DOCKER_HOST",
        remedy="Start one, or serve the model without an image by the command serve.",
    )
    try:
        engine = docker.from_env(timeout=seconds)
    except DockerException:
        raise silent from None
    try:
        engine.ping()
    except DockerException:
        engine.close()
        raise silent from None
    return engine


def _name_of(version: Version) -> str:
    # Names of images have no upper case, and few other characters.
    return f"{re.sub(r'[^a-z0-9]+', '-', version.name.lower()).strip('-') or 'model'}:{version.number}"


def _built(engine: Any, uri: str, config: ImageConfig) -> Any:
    with TemporaryDirectory() as folder:
        try:
            download_artifacts(uri, dst_path=str(Path(folder) / "model"))
            (Path(folder) / "Dockerfile").write_text(_DOCKERFILE.format(base_image=config.base_image))
            arguments = {"PIP_EXTRA_INDEX_URL": config.extra_index} if config.extra_index else {}
            image, _ = engine.images.build(path=folder, rm=True, buildargs=arguments)
        except (MlflowException, DockerException) as error:
            log = [str(line["stream"]).strip() for line in getattr(error, "build_log", ()) if "stream" in line]
            said = " / ".join([first_line(error), *filter(None, log[-_LINES_OF_A_LOG:])])
            raise TrackingError(
                f"the image of {uri}",
                found=f"a build that failed: {said}"[:1000],
                expected="a base image with Python, and packages that can be installed",
                remedy="Mend what the error says, or give another base_image or extra_index.",
            ) from error
    return image


@contextmanager
def _started(engine: Any, image_id: str, config: ImageConfig) -> Iterator[tuple[Container, int]]:
    port = _free_port()
    if config.network == "host":
        network: dict[str, Any] = {
            "network_mode": "host",
            "environment": {"MLFLOW_HOST": "127.0.0.1", "MLFLOW_PORT": str(port)},
        }
    else:
        network = {"ports": {f"{_PORT}/tcp": ("127.0.0.1", port)}}
    try:
        container = engine.containers.run(image_id, detach=True, **network)
    except DockerException as error:
        raise TrackingError(
            "the container of the image",
            found=f"one that doesn't start: {first_line(error)}"[:500],
            expected="a container that serves the model",
            remedy="Mend what the engine says; network=host is for engines that can't publish ports.",
        ) from error
    try:
        yield container, port
    finally:
        container.remove(force=True)


def _wait(container: Container, port: int, minutes: float) -> None:
    deadline = time.monotonic() + 60 * minutes
    while time.monotonic() < deadline and container.status not in _ENDED:
        with suppress(OSError, HTTPException):
            if _ask(port, "GET", "/ping", seconds=_PING_SECONDS)[0] == HTTPStatus.OK:
                return
        time.sleep(_POLL_SECONDS)
        container.reload()
    said = container.logs(tail=_LINES_OF_A_LOG).decode(errors="replace").strip()
    raise TrackingError(
        "the container of the image",
        found=f"no answer at /ping within {minutes:g} minutes; it says: {said[-3000:]}",
        expected="a server that has loaded the model",
        remedy="Mend what it says, or give it more time by start_minutes.",
    )


def _sample_of(port: int) -> Any:
    status, body = _ask(port, "POST", "/invocations", json.dumps(_SEED))
    return json.loads(body)["predictions"][0]["image"] if status == HTTPStatus.OK else body


def _ask(port: int, method: str, path: str, body: str | None = None, *, seconds: float = 600) -> tuple[int, bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=seconds)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
