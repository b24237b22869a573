"""What is left of a run whose record is gone."""

from typing import NoReturn, TypeVar

from mlflow.entities import LifecycleStage, RunData, RunInfo, RunTag
from mlflow.entities import Run as MlflowRun

from lds_mlflow.errors import GoneError
from lds_mlflow.tracking import tags
from lds_mlflow.tracking.lineage import FinishedRun

__all__ = ["LostRun"]

K = TypeVar("K")
V = TypeVar("V")


class LostRun(FinishedRun):
    """A run whose record is gone: only what another run, which was made from it, still says of it.

    Whoever reads from it gets a GoneError; whoever only counts it among the inputs does not.

    Args:
        run_id: MLflow's id of the run.
        step: The step that it was a run of.
        digest: What identified its result.
        tracking_uri: The address of the tracking store.
        experiment_id: MLflow's id of the experiment.
    """

    def __init__(self, run_id: str, *, step: str, digest: str, tracking_uri: str, experiment_id: str) -> None:
        said = {tags.STEP: step, tags.OUTPUT: digest, tags.SENTENCE: f"the record of this run of {step} is gone"}
        info = RunInfo(run_id, experiment_id, "", "FINISHED", 0, 0, LifecycleStage.DELETED)
        data = RunData(tags=[RunTag(key, value) for key, value in said.items()])
        super().__init__(MlflowRun(info, data), tracking_uri)

    @property
    def params(self) -> dict[str, str]:
        """Nothing; a parameter that is looked up raises GoneError."""
        return _Gone(self._error())

    @property
    def metrics(self) -> dict[str, float]:
        """Nothing; a figure that is looked up raises GoneError."""
        return _Gone(self._error())

    @property
    def inputs(self) -> dict[str, str]:
        """Nothing; a run that is looked up raises GoneError."""
        return _Gone(self._error())

    def missing(self) -> str:
        """Says that everything is."""
        return "its record is gone"

    def _error(self) -> GoneError:
        return GoneError.of(self.id, f"run {self.id} of {self.step}", found="that its record is gone")

    def folder(self, name: str) -> NoReturn:
        """Gives nothing.

        Raises:
            GoneError: Always.
        """
        raise GoneError.of(self.id, f"artifact {name} of run {self.id}", found="that the record of the run is gone")


class _Gone(dict[K, V]):
    def __init__(self, error: GoneError) -> None:
        super().__init__()
        self.error = error

    def __missing__(self, key: K) -> V:
        raise self.error
