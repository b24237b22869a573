"""The surroundings of a step without a tracking store: a run that keeps what is logged, and runs that are made up."""

import json
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
from matplotlib.figure import Figure
from mlflow.entities import Metric, Param, RunData, RunInfo, RunTag
from mlflow.entities import Run as MlflowRun
from PIL import Image

from lds_mlflow.data import limit_examples, load_digits, split_examples
from lds_mlflow.machine.interrupts import Interruption
from lds_mlflow.machine.ranks import ALONE
from lds_mlflow.models.stylegan import VAE
from lds_mlflow.pictures.report import Report
from lds_mlflow.tracking import FinishedRun, Run, tags
from lds_mlflow.tracking.context import Context
from lds_mlflow.values import ExampleSet
from tests.tiny import SPEC

__all__ = ["WEIGHTS", "GivenRun", "KeptRun", "digit_parts", "surroundings"]

T = TypeVar("T")

WEIGHTS = VAE.initialised(SPEC, 0).to_weights()
"""A model of grey images of 8x8 that was not trained."""


class KeptRun(Run):
    """A run that keeps what a step logs, by its names."""

    def __init__(self) -> None:
        self.id = f"{'own':0<32}"
        self.metrics: dict[str, float] = {}
        self.figures: dict[str, float] = {}
        self.params: dict[str, Any] = {}
        self.tags: dict[str, str] = {}
        self.values: dict[str, Any] = {}
        self.texts: dict[str, str] = {}
        self.tables: dict[str, pd.DataFrame] = {}
        self.pictures: set[str] = set()
        self.files: dict[str, dict[str, bytes]] = {}
        self.datasets: dict[str, tuple[str, int]] = {}
        self.reports: list[Report] = []

    def log_tags(self, values: Mapping[str, str]) -> None:
        self.tags |= values

    def curve(self, step: int, metrics: Mapping[str, float]) -> None:
        self.metrics |= metrics

    def log_metrics(self, metrics: Mapping[str, float], step: int = 0) -> None:
        self.metrics |= metrics

    def log_figures(self, figures: Mapping[str, float], listed: Collection[str]) -> None:
        self.figures = dict(figures)
        self.metrics |= {name: figures[name] for name in listed if name in figures}

    def log_params(self, params: Mapping[str, Any], others: Mapping[str, Any] | None = None) -> None:
        self.params |= params

    def log_value(self, value: Any, name: str) -> str:
        self.values[name] = value
        return name

    def log_folder(self, folder: Path, name: str) -> None:
        self.files[name] = {path.name: path.read_bytes() for path in folder.iterdir()}

    def log_picture(self, picture: Figure | Image.Image, file: str) -> None:
        self.pictures.add(file)

    def log_progress_picture(self, picture: Image.Image, key: str, step: int) -> None:
        self.pictures.add(f"{key} at {step}")

    def log_text(self, text: str, file: str) -> None:
        self.texts[file] = text

    def log_table(self, table: pd.DataFrame, file: str) -> None:
        self.tables[file] = table

    def log_report(self, report: Report) -> None:
        self.reports.append(report)

    def log_dataset(self, name: str, *, source: str, digest: str, context: str, n_examples: int) -> None:
        self.datasets[context] = name, n_examples


class GivenRun(FinishedRun):
    """A finished run that has what it is given; its id begins with its step.

    Args:
        step: Its step.
        values: The values that it stored, by name.
        params: Its parameters.
        metrics: Its figures.
        inputs: The ids of the runs that it read, by their steps.
        files: A folder with its other artifacts.
    """

    def __init__(
        self,
        step: str,
        values: Mapping[str, Any] | None = None,
        *,
        params: Mapping[str, str] | None = None,
        metrics: Mapping[str, float] | None = None,
        inputs: Mapping[str, str] | None = None,
        files: Path | None = None,
    ) -> None:
        known = {tags.STEP: step, tags.OUTPUT: "12ab" * 16, tags.SENTENCE: f"what {step} made"}
        known[tags.INPUTS] = json.dumps({name: (run_id, "34cd") for name, run_id in (inputs or {}).items()})
        data = RunData(
            [Metric(name, value, 0, 0) for name, value in (metrics or {}).items()],
            [Param(name, value) for name, value in (params or {}).items()],
            [RunTag(name, value) for name, value in known.items()],
        )
        super().__init__(MlflowRun(RunInfo(f"{step:0<32}", "1", "me", "FINISHED", 0, 1, "active"), data), "")
        self.values, self.files = values or {}, files

    @property
    def figures(self) -> dict[str, float]:
        return self.metrics

    def has(self, name: str) -> bool:
        return name in self.values

    def load(self, kind: type[T], name: str) -> T:
        value = self.values[name]
        assert isinstance(value, kind)
        return value

    @contextmanager
    def folder(self, name: str) -> Iterator[Path]:
        assert self.files is not None
        yield self.files / name


def surroundings(
    inputs: Mapping[str, FinishedRun],
    *,
    say: Callable[[str], None] = lambda line: None,
    checkpoint_path: Path = Path(os.devnull, "checkpoint"),
) -> tuple[Context, KeptRun]:
    """Returns the surroundings of a step, and the run that it logs to; without a path there can be no checkpoint."""
    run = KeptRun()
    context = Context(
        run=run,
        inputs=inputs,
        device="cpu",
        ranks=ALONE,
        fingerprint="34cd",
        checkpoint_path=checkpoint_path,
        cache_path=None,
        checkpoint_every=2,
        interruption=Interruption(),
        say=say,
    )
    return context, run


def digit_parts() -> dict[str, ExampleSet]:
    """Returns 72 digits to train on, 24 to select by, and 24 to test on."""
    digits = limit_examples(load_digits(), 120, seed=0)
    splits = split_examples(digits, select_fraction=0.2, test_fraction=0.2, reserve_fraction=0, seed=0)
    return {"train": splits.train, "select": splits.select, "test": splits.test}
