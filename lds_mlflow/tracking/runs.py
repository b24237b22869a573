"""One MLflow run as a handle: what a step logs to. No global state, so runs can be nested and tested freely."""

import json
import math
import re
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from time import monotonic, time
from typing import Any

import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag
from mlflow.utils.file_utils import local_file_uri_to_path
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT, MLFLOW_RUN_NAME, MLFLOW_RUN_NOTE
from mlflow.utils.uri import is_local_uri
from PIL import Image

from lds_mlflow.errors import without_passwords
from lds_mlflow.machine.files import digest_of_bytes, naming_a_full_disk
from lds_mlflow.pictures.png import Picture, png_of
from lds_mlflow.pictures.report import Report
from lds_mlflow.store import save_value
from lds_mlflow.tracking import tags
from lds_mlflow.tracking.handover import forget_run
from lds_mlflow.tracking.launched import keep_killed
from lds_mlflow.tracking.lineage import FIGURES_FILE
from lds_mlflow.tracking.monitor import SystemMonitor
from lds_mlflow.tracking.patience import PatientClient

__all__ = ["Run"]

_FLUSH_SECONDS = 5.0
_AT_ONCE, _METRICS_AT_ONCE = 100, 800
"""The most parameters and the most tags, and the most metrics beside them, that MLflow takes in one request."""

_INPUTS_IN_A_TAG = 20
"""A tag holds 8,000 characters."""

_NOT_IN_NAMES = re.compile(r"[^\w\-. :]")
_NAME_LENGTH = 240
_DIGEST_LENGTH = 32
"""MLflow's column for the digest of a data set holds 36 characters."""


class Run:
    """A run that is being written.

    Args:
        client: The client of its tracking store.
        tracking_uri: The address of that store.
        run_id: MLflow's id of the run.
        experiment_id: MLflow's id of its experiment.
        launched: Whether `mlflow run` began it.
        is_named: Whether the user has given it a name.
    """

    def __init__(
        self,
        client: MlflowClient,
        tracking_uri: str,
        run_id: str,
        experiment_id: str,
        *,
        launched: bool = False,
        is_named: bool = False,
    ) -> None:
        self.client, self.tracking_uri = client, tracking_uri
        self.id, self.experiment_id = run_id, experiment_id
        self.launched, self.is_named = launched, is_named
        self.has_ended = False
        self._params: list[Param] = []
        self._tags: dict[str, str] = {}
        self._waiting: list[Metric] = []
        self._is_held = False
        self._flushed = monotonic()
        self._outputs: list[str] = []
        self._stored: dict[str, int | None] = {}
        self._monitor: SystemMonitor | None = None

    @contextmanager
    def together(self) -> Iterator[None]:
        """Holds back parameters, tags and figures that its block logs, and sends them in one request at its end."""
        self._is_held = True
        try:
            yield
        finally:
            self._is_held = False
            self.flush()

    def log_params(self, params: Mapping[str, Any], others: Mapping[str, Any] | None = None) -> None:
        """Logs parameters, without passwords; one that `mlflow run` has logged already stays as it is.

        Args:
            params: Those that the UI lists.
            others: Those that it has no room for; they are noted in a tag.
        """
        there = self.client.get_run(self.id).data.params
        self._params += [
            Param(name, without_passwords(str(value))) for name, value in params.items() if name not in there
        ]
        noted = {name: without_passwords(str(value)) for name, value in (others or {}).items()}
        self.log_tags({tags.OTHER_PARAMETERS: json.dumps(noted)} if noted else {})

    def log_tags(self, values: Mapping[str, str]) -> None:
        """Sets tags."""
        self._tags.update(values)
        self._send()

    def log_note(self, markdown: str) -> None:
        """Sets the description that the UI shows."""
        self.log_tags({MLFLOW_RUN_NOTE: markdown})

    def log_metrics(self, metrics: Mapping[str, float], step: int = 0) -> None:
        """Logs figures at once, those that are finite numbers."""
        self._take(step, metrics)
        self._send()

    def curve(self, step: int, metrics: Mapping[str, float]) -> None:
        """Takes points of curves, and sends them every few seconds in one batch."""
        self._take(step, metrics)
        if len(self._waiting) >= _METRICS_AT_ONCE or monotonic() - self._flushed > _FLUSH_SECONDS:
            self.flush()

    def log_figures(self, figures: Mapping[str, float], listed: Collection[str]) -> None:
        """Logs figures that are finite: all of them as the artifact `figures.json`, and as metrics those to be listed.

        Args:
            figures: The figures by name.
            listed: The names of those that have room in the UI's list of runs; they may name more than there are.
        """
        finite = {name: value for name, value in figures.items() if math.isfinite(value)}
        self.log_text(json.dumps(finite, indent=1), FIGURES_FILE)
        self._stored[FIGURES_FILE] = None
        self.log_metrics({name: finite[name] for name in listed if name in finite})

    def log_inputs(self, inputs: Mapping[str, tuple[str, str]]) -> None:
        """Notes the runs that this one reads: the id of each and what identifies its result, by their steps."""
        read = list(inputs.items())
        for first in range(0, len(read), _INPUTS_IN_A_TAG):
            name = f"{tags.INPUTS}.{1 + first // _INPUTS_IN_A_TAG}" if first else tags.INPUTS
            self.log_tags({name: json.dumps(dict(read[first : first + _INPUTS_IN_A_TAG]))})

    def rename(self, name: str) -> None:
        """Gives the run another name; one that the user has given stays."""
        if not self.is_named:
            self.log_tags({MLFLOW_RUN_NAME: name})

    def flush(self) -> None:
        """Sends what waits."""
        while self._params or self._tags or self._waiting:
            params, names, metrics = (
                self._params[:_AT_ONCE],
                list(self._tags)[:_AT_ONCE],
                self._waiting[:_METRICS_AT_ONCE],
            )
            # What the store refuses is not sent again, so that the run can still be ended, and say why.
            del self._params[: len(params)]
            del self._waiting[: len(metrics)]
            run_tags = [RunTag(name, self._tags.pop(name)) for name in names]
            self.client.log_batch(self.id, metrics, params, run_tags)
        self._flushed = monotonic()

    def _send(self) -> None:
        if not self._is_held:
            self.flush()

    def _take(self, step: int, metrics: Mapping[str, float]) -> None:
        now = int(time() * 1000)
        finite = {name: value for name, value in _mlflow_names(metrics).items() if math.isfinite(value)}
        self._waiting.extend([Metric(name, value, now, step) for name, value in finite.items()])

    def log_value(self, value: Any, name: str) -> str:
        """Stores a value as the artifact folder `name`, and returns its digest."""
        with tempfile.TemporaryDirectory() as folder:
            digest = save_value(value, Path(folder) / name)
            self.log_folder(Path(folder) / name, name)
        self._outputs.append(f"{name} {digest}")
        return digest

    def log_folder(self, folder: Path, name: str) -> None:
        """Logs the files of a folder as the artifact folder `name`.

        Raises:
            DiskFullError: The artifact store has no room.
        """
        with naming_a_full_disk(f"artifact {name} of run {self.id}"):
            self.client.log_artifacts(self.id, str(folder), name)
        self._stored[name] = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())

    def log_picture(self, picture: Picture, file: str) -> None:
        """Logs a picture as the artifact `file`, a PNG."""
        self.log_files({file: png_of(picture)})

    def log_text(self, text: str, file: str) -> None:
        """Logs a text as the artifact `file`."""
        self.client.log_text(self.id, text, file)

    def place_of(self, file: str) -> str:
        """Returns where an artifact is on this machine; "" where a server keeps it."""
        uri = str(self.client.get_run(self.id).info.artifact_uri)
        return str(Path(local_file_uri_to_path(uri)) / file) if is_local_uri(uri) else ""

    def log_report(self, report: Report) -> None:
        """Logs a report as `report.md` and `report.html`, and its pictures and files each by its name."""
        texts = {"report.md": report.markdown().encode(), "report.html": report.html().encode()}
        self.log_files({**dict(report.pictures), **report.kept, **texts})
        self._stored["report.md"] = None

    def log_files(self, contents: Mapping[str, bytes]) -> None:
        """Logs files, by their paths, with their contents."""
        if not contents:
            return
        with tempfile.TemporaryDirectory() as folder:
            for name, content in contents.items():
                path = Path(folder) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            self.client.log_artifacts(self.id, folder)

    def log_progress_picture(self, picture: Image.Image, key: str, step: int) -> None:
        """Logs one of a row of pictures, which the UI shows by step."""
        self.client.log_image(self.id, picture, key=key, step=step)

    def log_table(self, table: pd.DataFrame, file: str) -> None:
        """Logs a table as the artifact `file`, a CSV."""
        self.client.log_text(self.id, table.to_csv(index=False), file)

    def log_dataset(self, name: str, *, source: str, digest: str, context: str, n_examples: int) -> None:
        """Logs that the run read a set of examples.

        Args:
            name: What the set is called.
            source: Where it is from.
            digest: SHA-256 of its content.
            context: What it was read for, such as "training".
            n_examples: How many examples it has.
        """
        dataset = Dataset(
            name=name,
            digest=digest[:_DIGEST_LENGTH],
            source_type="local",
            source=json.dumps({"uri": without_passwords(source)}),
            profile=json.dumps({"examples": n_examples}),
        )
        tag = InputTag(key=MLFLOW_DATASET_CONTEXT, value=context)
        self.client.log_inputs(self.id, [DatasetInput(dataset=dataset, tags=[tag])])

    def watch_system(self) -> None:
        """Begins to log the use of processors, memory, disk, network and GPUs, sent with what is logged next."""
        # It only adds points: one thread alone talks to the store.
        self._monitor = SystemMonitor(self.id, self.tracking_uri, self._take)
        self._monitor.start()

    def end(self, status: str) -> None:
        """Ends the run as FINISHED, FAILED or KILLED. A finished run says what it stored, for later steps to look for.

        Raises:
            TrackingError: The run is finished, but the server is unreachable and has not received all of its data.
        """
        if self._monitor is not None:
            self._monitor.finish()
        if status == "FINISHED" and self._outputs:
            self._tags[tags.OUTPUT] = digest_of_bytes(*(output.encode() for output in sorted(self._outputs)))
        if status == "FINISHED" and self._stored:
            self._tags[tags.STORED] = json.dumps(self._stored)
        self.flush()
        self.client.set_terminated(self.id, status)
        self.has_ended = True
        if status == "FINISHED" and isinstance(self.client, PatientClient):
            self.client.settle()
        if status == "KILLED" and self.launched:
            keep_killed(self.tracking_uri, self.id)
        # `mlflow run` hands its run over by this variable; a later start must not find it.
        forget_run()


def _mlflow_names(metrics: Mapping[str, float]) -> dict[str, float]:
    """Returns figures under names that MLflow takes, each its own: classes have names that users gave."""
    found: dict[str, float] = {}
    for name, value in metrics.items():
        parts = [_NOT_IN_NAMES.sub("_", part) for part in name.split("/")]
        plain = "/".join(part if part.strip(". ") else "_" for part in parts)[:_NAME_LENGTH]
        numbered = (f"{plain} {number}" for number in count(2))
        found[plain if plain not in found else next(other for other in numbered if other not in found)] = value
    return found
