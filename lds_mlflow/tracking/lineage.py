"""A finished run, as what later steps read."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from copy import copy
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import TypeVar

from mlflow.artifacts import download_artifacts, list_artifacts
from mlflow.entities import Run as MlflowRun
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE
from mlflow.utils.uri import is_local_uri

from lds_mlflow.errors import ArtifactError, DamageError, GoneError, ProtocolError
from lds_mlflow.store import load_value
from lds_mlflow.tracking import tags
from lds_mlflow.tracking.pages import page_of_run
from lds_mlflow.tracking.patience import is_outage
from lds_mlflow.values import IMAGES

__all__ = ["FIGURES_FILE", "FinishedRun"]

FIGURES_FILE = "figures.json"
"""The artifact that has all figures of a run, by their names."""

T = TypeVar("T")


class FinishedRun:
    """A run whose artifacts and figures can be read.

    Args:
        entity: MLflow's record of it.
        tracking_uri: The address of its tracking store.
        sealed: Artifacts that this reader may not have.
    """

    def __init__(self, entity: MlflowRun, tracking_uri: str, sealed: frozenset[str] = frozenset()) -> None:
        self.entity, self.tracking_uri, self.sealed = entity, tracking_uri, sealed

    @property
    def id(self) -> str:
        """MLflow's id of the run."""
        return str(self.entity.info.run_id)

    @property
    def name(self) -> str:
        """MLflow's name of the run."""
        return str(self.entity.info.run_name)

    @property
    def step(self) -> str:
        """The step that it is a run of; "" where it is none of the project's."""
        return str(self.entity.data.tags.get(tags.STEP, ""))

    @property
    def digest(self) -> str:
        """What identifies its results."""
        return str(self.entity.data.tags.get(tags.OUTPUT) or self.entity.data.tags[tags.FINGERPRINT])

    @property
    def sentence(self) -> str:
        """What came out, in a sentence."""
        return str(self.entity.data.tags.get(tags.SENTENCE, ""))

    @property
    def part(self) -> str:
        """The part of the data that its figures were measured on, or ""."""
        return str(self.entity.data.tags.get(tags.PART, ""))

    @property
    def domain(self) -> str:
        """The kind of the examples that it has read, a key of DOMAINS."""
        return str(self.entity.data.tags.get(tags.DOMAIN, IMAGES))

    @property
    def alarms(self) -> list[str]:
        """What makes its result worth little, in sentences."""
        return [str(text) for text in json.loads(self.entity.data.tags.get(tags.ALARMS, "[]"))]

    @property
    def version(self) -> str:
        """The version of a registered model that it says it has registered, as NAME/NUMBER, or ""."""
        return str(self.entity.data.tags.get(tags.VERSION, ""))

    @property
    def link(self) -> str:
        """Its step and id in Markdown, with a link that works in MLflow's UI."""
        return f"[{self.step} {self.id[:8]}]({self.page})"

    @property
    def page(self) -> str:
        """The place of its page in MLflow's UI."""
        return page_of_run(str(self.entity.info.experiment_id), self.id)

    @property
    def note(self) -> str:
        """The description that the UI shows."""
        return str(self.entity.data.tags.get(MLFLOW_RUN_NOTE, ""))

    @property
    def params(self) -> dict[str, str]:
        """Its parameters, those included that its list in MLflow leaves out."""
        others: dict[str, str] = json.loads(self.entity.data.tags.get(tags.OTHER_PARAMETERS, "{}"))
        return others | self.entity.data.params

    @property
    def metrics(self) -> dict[str, float]:
        """The figures that MLflow lists, each at its last step.

        Those of the test part are only for a reader from whom nothing is sealed.
        """
        return {} if self._is_sealed_whole else dict(self.entity.data.metrics)

    @property
    def figures(self) -> dict[str, float]:
        """All of its figures, with the same exception.

        Raises:
            GoneError: They are gone.
            ArtifactError: They can't be had.
        """
        if self._is_sealed_whole:
            return {}
        with self.folder(FIGURES_FILE) as path:
            found: dict[str, float] = json.loads(path.read_text(encoding="utf-8"))
        return found

    @property
    def inputs(self) -> dict[str, str]:
        """Steps to ids of the runs that it read."""
        return {stem: run_id for stem, (run_id, _) in self._read.items()}

    @property
    def input_digests(self) -> dict[str, str]:
        """Steps to what identifies the results that it read."""
        return {stem: digest for stem, (_, digest) in self._read.items()}

    @property
    def _read(self) -> dict[str, tuple[str, str]]:
        found = self.entity.data.tags.items()
        texts = [value for name, value in found if name.startswith(tags.INPUTS)]
        return {stem: (run_id, digest) for text in texts for stem, (run_id, digest) in json.loads(text).items()}

    @property
    def _is_sealed_whole(self) -> bool:
        return bool(self.sealed) and self.part == "test"

    def missing(self) -> str:
        """Returns what is missing of its result, in words, or "" where all of it is there with its size.

        It asks for names and sizes alone. Content that was changed is found by its digest when it is read.
        """
        found = self.entity.data.tags.get(tags.GONE)
        stored: dict[str, int | None] = json.loads(self.entity.data.tags.get(tags.STORED, "{}"))
        if found or not stored:
            return found or ""
        there = self._listing("")
        for name, size in stored.items():
            if name not in there:
                return f"artifact {name} is gone"
            n_bytes = None if size is None else sum(n or 0 for n in self._listing(name).values())
            if n_bytes is not None and size is not None and n_bytes < size:
                return f"artifact {name} has {n_bytes:,} bytes of {size:,}"
        return ""

    def without(self, *artifacts: str) -> "FinishedRun":
        """Returns the run for a reader that may not have some of its artifacts, nor figures of the test part."""
        found = copy(self)
        found.sealed = self.sealed | set(artifacts)
        return found

    def has(self, name: str) -> bool:
        """Says whether the store has the artifact `name` of it."""
        return name in self._listing("")

    def load(self, kind: type[T], name: str) -> T:
        """Reads the value stored as the artifact `name`.

        Raises:
            GoneError: It is gone or damaged.
            ArtifactError: It can't be had, or is of another kind.
            ProtocolError: It is sealed.
        """
        with self.folder(name) as folder:
            try:
                return load_value(kind, folder)
            except DamageError as error:
                raise GoneError.of(self.id, f"artifact {name} of run {self.id}", found=error.found) from error

    @contextmanager
    def folder(self, name: str) -> Iterator[Path]:
        """Gives a local folder with the artifact `name`: where it lies, or a copy for the time being.

        Raises:
            GoneError: It is gone.
            ArtifactError: It can't be had, though it may be there.
            ProtocolError: It is sealed.
        """
        sealed = {*self.sealed, "..", FIGURES_FILE} if self._is_sealed_whole else {*self.sealed, ".."}
        if self.sealed and (not Path(name).parts or {*Path(name).parts} & sealed):
            raise ProtocolError(
                f"artifact {name} of run {self.id}",
                found="a step that fits or chooses, which tries to read this artifact",
                expected="that only steps that judge read it, since it must not influence what they judge",
                remedy="Use the part select for choices.",
            )
        uri = f"{self.entity.info.artifact_uri}/{name}"
        with ExitStack() as stack:
            copy = None if is_local_uri(uri) else stack.enter_context(TemporaryDirectory())
            try:
                path = download_artifacts(artifact_uri=uri, dst_path=copy, tracking_uri=self.tracking_uri)
            except (MlflowException, OSError) as error:
                # Whether it is gone is not for the failed download to say, but for a store that answers.
                what, place = f"artifact {name} of run {self.id}", PurePosixPath(name)
                if place.name not in self._listing("" if place.parent == PurePosixPath() else str(place.parent)):
                    raise GoneError.of(self.id, what, found="no such artifact") from error
                if is_outage(error):
                    raise
                raise ArtifactError.because(
                    error,
                    what,
                    expected="a folder that can be read",
                    remedy="Give this command the right to read it, or run it with reuse=false to make it again.",
                ) from error
            yield Path(path)

    def _listing(self, folder: str) -> dict[str, int | None]:
        """Returns the names in a folder of the artifacts with their sizes in bytes, as the store has them now."""
        uri = "/".join(filter(None, (self.entity.info.artifact_uri, folder)))
        try:
            found = list_artifacts(artifact_uri=uri, tracking_uri=self.tracking_uri)
        except (MlflowException, OSError) as error:
            if is_outage(error):
                raise
            raise ArtifactError.because(
                error,
                f"the artifacts of run {self.id}",
                expected="a folder whose names this command may read",
                remedy="Give this command the right to read it, or run it with reuse=false to make them again.",
            ) from error
        return {PurePosixPath(item.path).name: item.file_size for item in found}
