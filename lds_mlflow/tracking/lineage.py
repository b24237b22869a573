"""A finished run, as what later steps read."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from mlflow.artifacts import download_artifacts
from mlflow.entities import Run as MlflowRun
from mlflow.exceptions import MlflowException
from mlflow.utils.uri import is_local_uri

from lds_mlflow.errors import ArtifactError, ProtocolError
from lds_mlflow.store import load_value
from lds_mlflow.tracking import tags

__all__ = ["FinishedRun"]

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
    def link(self) -> str:
        """Its step and id in Markdown, with a link that works in MLflow's UI."""
        return f"[{self.step} {self.id[:8]}](#/experiments/{self.entity.info.experiment_id}/runs/{self.id})"

    @property
    def params(self) -> dict[str, str]:
        """Its parameters."""
        return dict(self.entity.data.params)

    @property
    def metrics(self) -> dict[str, float]:
        """Its figures, each at its last step; those of the test part only for a reader from whom nothing is sealed."""
        figures = dict(self.entity.data.metrics)
        if not self.sealed:
            return figures
        return {name: value for name, value in figures.items() if not name.startswith(tags.TEST_FIGURES)}

    @property
    def inputs(self) -> dict[str, str]:
        """Steps to ids of the runs that it read."""
        return {
            name.removeprefix(tags.INPUT): value
            for name, value in self.entity.data.tags.items()
            if name.startswith(tags.INPUT)
        }

    def without(self, *artifacts: str) -> "FinishedRun":
        """Returns the run for a reader that may not have some of its artifacts, nor figures of the test part."""
        return FinishedRun(self.entity, self.tracking_uri, self.sealed | set(artifacts))

    def load(self, kind: type[T], name: str) -> T:
        """Reads the value stored as the artifact `name`.

        Raises:
            ArtifactError: It is missing or damaged.
            ProtocolError: It is sealed.
        """
        with self.folder(name) as folder:
            return load_value(kind, folder)

    @contextmanager
    def folder(self, name: str) -> Iterator[Path]:
        """Gives a local folder with the artifact `name`: where it lies, or a copy for the time being.

        Raises:
            ArtifactError: It can't be had.
            ProtocolError: It is sealed.
        """
        if self.sealed and (not Path(name).parts or {*Path(name).parts} & {*self.sealed, ".."}):
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
                raise ArtifactError.because(
                    error,
                    f"artifact {name} of run {self.id}",
                    expected="a folder that can be read",
                    remedy="Restore the artifact, or run the command with reuse=false to make it again.",
                ) from error
            yield Path(path)
