"""The finished runs of a command's experiments, and whether what they made is still there."""

from collections.abc import Sequence
from statistics import median

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from lds_mlflow.errors import GoneError
from lds_mlflow.tracking import tags
from lds_mlflow.tracking.lineage import FinishedRun
from lds_mlflow.tracking.lost import LostRun
from lds_mlflow.tracking.patience import says_that_there_is_none
from lds_mlflow.tracking.registry import Registry

__all__ = ["Results"]

_MOST, _FEW = 100, 5


class Results:
    """Finds finished runs, and says what is missing of them.

    A run whose artifacts were found whole is not asked about again.

    Args:
        client: The client of the tracking store.
        tracking_uri: The address of the store.
        experiments: MLflow's ids of the experiments that it looks in, the command's own first.
        registry: The model registry of the store.
    """

    def __init__(self, client: MlflowClient, tracking_uri: str, experiments: Sequence[str], registry: Registry) -> None:
        self.client, self.tracking_uri, self.experiments = client, tracking_uri, list(experiments)
        self.registry = registry
        self._gone: dict[str, str] = {}
        self._whole: set[str] = set()

    def of_fingerprint(self, fingerprint: str, *, under: str | None = None) -> list[FinishedRun]:
        """Returns the finished runs with a fingerprint, newest first; with `under`, only children of that run."""
        nested = f" and tags.`{MLFLOW_PARENT_RUN_ID}` = '{under}'" if under else ""
        return self._finished(f"tags.`{tags.FINGERPRINT}` = '{fingerprint}'{nested}")

    def equal_to(self, digest: str) -> FinishedRun | None:
        """Returns a finished run with this result, whatever it was made by, or None where there is no whole one."""
        found = self._finished(f"tags.`{tags.OUTPUT}` = '{digest}'")
        return next((run for run in found if not self.missing(run)), None)

    def usual_seconds(self, step: str) -> float | None:
        """Returns the median of the seconds that the latest runs of a step took, or None where there is none."""
        # A run that only stands for another has taken no time.
        latest = self._finished(f"tags.`{tags.STEP}` = '{step}' and metrics.`{tags.COST}` >= 0", most=_FEW)
        return median(run.metrics[tags.COST] for run in latest) if latest else None

    def upstream(self, run: FinishedRun, stem: str) -> FinishedRun:
        """Returns the run that another read as `stem`; where its record is gone, what the other still says of it."""
        run_id = run.inputs[stem]
        try:
            return FinishedRun(self.client.get_run(run_id), self.tracking_uri)
        except MlflowException as error:
            if not says_that_there_is_none(error):
                raise
        digest = run.input_digests.get(stem, run_id)
        return LostRun(
            run_id, step=stem, digest=digest, tracking_uri=self.tracking_uri, experiment_id=self.experiments[0]
        )

    def missing(self, run: FinishedRun) -> str:
        """Returns what is missing of what a finished run made or registered, in words, or "" where nothing is.

        Raises:
            MlflowException: The store does not answer, so nothing is known.
        """
        if run.id in self._gone:
            return self._gone[run.id]
        if run.id in self._whole:
            return ""
        missing = run.missing() or (self.registry.missing(run.version, run.id) if run.version else "")
        if not missing and not run.version:
            self._whole.add(run.id)
        return missing

    def is_gone(self, run: FinishedRun) -> bool:
        """Says whether something has tried to read what is gone of a run."""
        return run.id in self._gone

    def give_up(self, error: GoneError) -> bool:
        """Notes that a result could not be read, for no command to use it; returns False if that is known already."""
        if error.run_id in self._gone:
            return False
        self._gone[error.run_id] = f"{error.what} can't be read: {error.found}"
        # Not where the record is gone too, or deleted.
        if self.client.search_runs(self.experiments, f"attributes.run_id = '{error.run_id}'", max_results=1):
            self.client.set_tag(error.run_id, tags.GONE, self._gone[error.run_id])
        return True

    def _finished(self, condition: str, *, most: int = _MOST) -> list[FinishedRun]:
        found = self.client.search_runs(
            self.experiments,
            filter_string=f"{condition} and attributes.status = 'FINISHED'",
            order_by=["attributes.end_time DESC"],
            max_results=most,
        )
        # A run that only stands for another has no result of its own.
        return [FinishedRun(run, self.tracking_uri) for run in found if tags.REUSED not in run.data.tags]
