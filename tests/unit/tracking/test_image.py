import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import docker
import pytest
import torch
from docker.errors import BuildError, DockerException

from lds_mlflow.config import ImageConfig
from lds_mlflow.domains import domain_of
from lds_mlflow.errors import TrackingError
from lds_mlflow.models.stylegan import VAE
from lds_mlflow.samplers import latent_density
from lds_mlflow.serving.requests import DISTRIBUTIONS
from lds_mlflow.serving.sampler import Sampler, with_densities
from lds_mlflow.tracking import Tracker, register_sampler
from lds_mlflow.tracking.image import build_image, version_of_engine
from tests.conftest import copied
from tests.tiny import SPEC

DENSITY = with_densities(latent_density(torch.randn(20, 4, generator=torch.Generator().manual_seed(0)), sigma="0.5"))
NAMED = dict.fromkeys(DISTRIBUTIONS, DENSITY)
CONFIG = ImageConfig(model="models:/My Faces/1", start_minutes=0.05)


class FakeImage:
    """A built image, and the names that it was given."""

    id = "sha256:12ab"

    def __init__(self) -> None:
        self.names: list[tuple[str, str]] = []

    def tag(self, repository: str, tag: str) -> None:
        self.names.append((repository, tag))


class FakeContainer:
    """A container that serves what the fake engine says, or has ended."""

    def __init__(self, port: int, answer: Any) -> None:
        self.status, self.is_removed = "running" if answer is not None else "exited", False
        self.server: ThreadingHTTPServer | None = None
        if answer is not None:
            self.server = ThreadingHTTPServer(("127.0.0.1", port), _handler(answer))
            threading.Thread(target=self.server.serve_forever).start()

    def reload(self) -> None:
        pass

    def logs(self, *, tail: int) -> bytes:
        return b"no room for the model"

    def remove(self, *, force: bool) -> None:
        self.is_removed = True
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()


def _handler(answer: Any) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(b"")

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(json.dumps({"predictions": [{"image": answer}]}).encode())

        def log_message(self, *arguments: Any) -> None:
            pass

        def _answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler


class FakeEngine:
    """An engine that builds, and whose containers answer with what it is given."""

    def __init__(self) -> None:
        self.images = self.containers = self
        self.answer: Any = None
        self.failure: Exception | None = None
        self.image = FakeImage()
        self.made: list[FakeContainer] = []
        self.files: dict[str, str] = {}
        self.arguments: dict[str, str] = {}
        self.network: dict[str, Any] = {}

    def ping(self) -> None:
        pass

    def close(self) -> None:
        pass

    def version(self) -> dict[str, str]:
        return {"Version": "27.3.1"}

    def build(self, *, path: str, rm: bool, buildargs: dict[str, str]) -> tuple[FakeImage, list[Any]]:
        if self.failure:
            raise self.failure
        self.files = {str(file.relative_to(path)): "" for file in Path(path).rglob("*") if file.is_file()}
        self.files["Dockerfile"] = (Path(path) / "Dockerfile").read_text()
        self.arguments = buildargs
        return self.image, []

    def run(self, image: str, *, detach: bool, **network: Any) -> FakeContainer:
        self.network = network
        ports = network.get("ports")
        port = ports["8080/tcp"][1] if ports else int(network["environment"]["MLFLOW_PORT"])
        container = FakeContainer(port, self.answer)
        self.made.append(container)
        return container


@pytest.fixture(scope="module")
def sample(empty_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The sample of the seed 0 of a model that is registered, as an array."""
    model = VAE.initialised(SPEC, 0)
    with pytest.MonkeyPatch.context() as monkeypatch:
        copied(empty_database, tmp_path_factory.mktemp("image"), monkeypatch)
        run = Tracker.connect().begin("register", parent=None, values={})
        register_sampler(run, model.to_weights(), NAMED, "My Faces", description="")
        yield Sampler(model.eval(), domain_of("images"), NAMED).predict([0], {"format": "array"})["image"][0]


@pytest.fixture
def engine(sample: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeEngine]:
    """An engine whose containers draw the sample of the model."""
    found = FakeEngine()
    found.answer = sample
    monkeypatch.setattr(docker, "from_env", lambda timeout: found)
    yield found
    assert all(container.is_removed for container in found.made)


def test_an_image_whose_sample_has_the_bits_of_the_models_gets_its_name(engine: FakeEngine) -> None:
    said: list[str] = []
    assert build_image(CONFIG, said.append) == "my-faces:1"
    assert engine.image.names == [("my-faces", "1")]
    assert {"Dockerfile", "model/MLmodel", "model/requirements.txt"} <= engine.files.keys()
    assert engine.files["Dockerfile"].startswith("FROM python:3.11-slim-bookworm\n")
    assert engine.arguments == {}
    assert "Building my-faces:1 of models:/My Faces/1" in said[0]


def test_an_engine_that_answers_tells_its_version(engine: FakeEngine) -> None:
    assert version_of_engine() == "27.3.1"


def test_name_base_index_and_network_are_what_is_asked_for(engine: FakeEngine) -> None:
    changes = {"image": "team/faces:new", "base_image": "mine:1", "extra_index": "https://cpu", "network": "host"}
    assert build_image(CONFIG.model_copy(update=changes), print) == "team/faces:new"
    assert engine.image.names == [("team/faces", "new")]
    assert engine.files["Dockerfile"].startswith("FROM mine:1\n")
    assert engine.arguments == {"PIP_EXTRA_INDEX_URL": "https://cpu"}
    assert engine.network["network_mode"] == "host"


def test_an_image_that_draws_another_sample_gets_no_name(engine: FakeEngine) -> None:
    engine.answer = [[[0]] * 8] * 8
    with pytest.raises(TrackingError, match="differs from the one drawn here"):
        build_image(CONFIG, print)
    assert engine.image.names == []


def test_a_container_that_ends_is_told_with_what_it_said(engine: FakeEngine) -> None:
    engine.answer = None
    with pytest.raises(TrackingError, match="it says: no room for the model"):
        build_image(CONFIG, print)
    assert engine.image.names == []


def test_a_build_that_fails_is_told_with_the_end_of_its_log(engine: FakeEngine) -> None:
    engine.failure = BuildError("pip failed", iter([{"stream": "No matching distribution\n"}, {"aux": {}}]))
    with pytest.raises(TrackingError, match="pip failed / No matching distribution"):
        build_image(CONFIG, print)


def test_without_an_engine_that_is_said_in_a_sentence_before_anything_is_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def absent(timeout: int) -> None:
        raise DockerException("no such file")

    monkeypatch.setattr(docker, "from_env", absent)
    assert version_of_engine() == ""
    with pytest.raises(TrackingError, match="a container engine: found none that answers") as caught:
        build_image(CONFIG, print)
    assert "by the command serve" in caught.value.remedy


def test_a_version_that_is_not_there_is_told(engine: FakeEngine) -> None:
    with pytest.raises(TrackingError, match="version 9 of the registered model My Faces"):
        build_image(CONFIG.model_copy(update={"model": "models:/My Faces/9"}), print)
