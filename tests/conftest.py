"""What several rooms' tests share: a tracking store of their own, and a pipeline small enough to run in a second."""

import resource
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, settings
from matplotlib.backends.backend_agg import FigureCanvasAgg
from mlflow import MlflowClient
from PIL import Image

from lds_mlflow.config import Configs, parse_all
from lds_mlflow.entry.points import ENTRY_POINTS
from lds_mlflow.machine.interrupts import Interruption
from lds_mlflow.pipeline import Pipeline
from lds_mlflow.tracking import Tracker
from lds_mlflow.values import Evaluation
from tests.disks import do_not_wait_for_disks
from tests.forks import Forks, running_forks

settings.register_profile("thorough", max_examples=10_000, deadline=None, suppress_health_check=list(HealthCheck))

# Two test processes whose threads wait for each other's cores are many times slower than one thread each.
torch.set_num_threads(1)
do_not_wait_for_disks()

TINY: dict[str, Any] = {
    "limit": 120,
    "train_steps": 8,
    "finetune_steps": 4,
    "classifier_steps": 4,
    "batch_size": 8,
    "checkpoint_every": 4,
    "bootstrap_replicates": 100,
    "device": "cpu",
    # So few images and steps deserve their alarms.
    "accept_alarms": True,
}

MakePipeline = Callable[..., Pipeline]


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # MLflow takes seconds to lay out a database, and none to copy one.
    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").create_experiment("tests")
    return path


@pytest.fixture
def local_store(empty_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of an empty SQLite file, with artifacts in a folder."""
    return copied(empty_database, tmp_path, monkeypatch)


@pytest.fixture(scope="session")
def trained_database(empty_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as monkeypatch:
        copied(empty_database, folder, monkeypatch)
        store_dots(monkeypatch)
        for name in ("finetune", "classifier"):
            values = {"registered_model": "none"} if name == "finetune" else {}
            configs = tiny_configs(name, {"work_dir": folder / "work", **values})
            Pipeline(configs, Tracker.connect(), Interruption(), lambda line: None).run(name)
    return folder / "mlflow.db"


@pytest.fixture
def trained_store(trained_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a SQLite file with a tiny finetuned model, all that is behind it, and a classifier.

    Their artifacts are every test's, to read; new runs have theirs in a folder of the test's own.
    """
    return copied(trained_database, tmp_path, monkeypatch)


def copied(database: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Copies a database of runs, and returns the address of the copy."""
    # A write-ahead journal may hold what the file itself does not have yet.
    with closing(sqlite3.connect(database)) as made, closing(sqlite3.connect(folder / "mlflow.db")) as copy:
        made.backup(copy)
    place = ((folder / "artifacts").as_uri(),)
    with closing(sqlite3.connect(folder / "mlflow.db")) as connection, connection:
        connection.execute("UPDATE experiments SET artifact_location = ? WHERE name = 'tests'", place)
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    use_store(monkeypatch, uri, "tests")
    return uri


def use_store(monkeypatch: pytest.MonkeyPatch, uri: str, experiment: str) -> None:
    """Sets MLflow's variables."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", experiment)
    monkeypatch.delenv("MLFLOW_RUN_ID", raising=False)
    monkeypatch.delenv("MLFLOW_EXPERIMENT_ID", raising=False)


@pytest.fixture
def tracking_uri(request: pytest.FixtureRequest) -> str:
    """The address of the store where this test's runs and artifacts go: `local_store`, or what a parameter names."""
    return str(request.getfixturevalue(getattr(request, "param", "local_store")))


@pytest.fixture
def tracker(tracking_uri: str) -> Tracker:
    return Tracker.connect()


@pytest.fixture
def said() -> list[str]:
    """The lines that a pipeline has printed."""
    return []


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    """Starts commands in forked processes."""
    with running_forks() as found:
        yield found


@pytest.fixture
def undrawn_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stores a dot in place of each figure: drawing takes half of a tiny pipeline's time, and other tests are of it."""
    store_dots(monkeypatch)


def store_dots(monkeypatch: pytest.MonkeyPatch) -> None:
    def print_dot(canvas: FigureCanvasAgg, file: BinaryIO) -> None:
        Image.new("L", (1, 1)).save(file, "PNG")

    monkeypatch.setattr(FigureCanvasAgg, "print_png", print_dot)


@pytest.fixture
def unexported_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Registers models without a file of the decoder alone, which takes seconds to export; other tests are of it."""
    monkeypatch.setattr("lds_mlflow.steps.register.exported_decoder", lambda weights: b"")


@pytest.fixture
def make_pipeline(
    tracker: Tracker, tmp_path: Path, said: list[str], undrawn_figures: None, unexported_decoder: None
) -> MakePipeline:
    """Makes a pipeline of an entry point, with tiny settings and changes to them; its figures are not drawn."""

    def make(entry_point: str, **changes: Any) -> Pipeline:
        configs = tiny_configs(entry_point, {"work_dir": tmp_path / "work", **changes})
        return Pipeline(configs, tracker, Interruption(), said.append)

    return make


def tiny_configs(entry_point: str, changes: Mapping[str, Any]) -> Configs:
    kinds = ENTRY_POINTS[entry_point].configs
    known = {name for kind in kinds for name in kind.model_fields}
    return parse_all(kinds, {name: value for name, value in TINY.items() if name in known} | dict(changes))


def an_evaluation(**changes: Any) -> Evaluation:
    """A small evaluation of one figure, four samples and four held-out images."""
    influence = torch.tensor([0.5, -0.5, 1.0, -1.0], dtype=torch.float64)
    fields: dict[str, Any] = {
        "extractor": "classifier-12ab",
        "resize": "none",
        "part": "test",
        "held_out_digest": "34cd",
        "first_seed": 0,
        "n_samples": 4,
        "settings": {"k_neighbours": "5"},
        "metrics": {"fid": 1.25, "floor_fid": 0.5},
        "intervals": {"fid": (1.0, 1.5)},
        "by_real": {"fid": influence},
        "by_sample": {"fid": 2 * influence},
    }
    return Evaluation(**fields | changes)


@pytest.fixture
def unlabelled_folder(tmp_path: Path) -> Path:
    """Twenty grey 8x8 images without classes."""
    folder = tmp_path / "images"
    folder.mkdir()
    generator = np.random.default_rng(0)
    for number in range(20):
        pixels = generator.integers(0, 256, (8, 8), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:02d}.png")
    return folder


@contextmanager
def little_room() -> Iterator[None]:
    """Lets no file grow beyond 4 KiB; Python ignores the signal that comes with it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
