"""What stands for a run that a command has yet to make."""

from collections.abc import Mapping
from typing import NoReturn

from mlflow.entities import LifecycleStage, RunData, RunInfo, RunTag
from mlflow.entities import Run as MlflowRun
from typing_extensions import override

from lds_mlflow.tracking import tags
from lds_mlflow.tracking.lineage import FinishedRun

__all__ = ["NotMadeYetError", "PlannedRun"]


class NotMadeYetError(Exception):
    """What is asked of a planned run will be known when it has been made."""


class PlannedRun(FinishedRun):
    """Stands for a run that a command would make: its step, and what it would be made from.

    Args:
        fingerprint: What identifies its result.
        step: The step.
        inputs: The upstream runs that it would read, by what each is read as.
    """

    def __init__(self, fingerprint: str, *, step: str, inputs: Mapping[str, FinishedRun]) -> None:
        info = RunInfo(fingerprint, "", "", "SCHEDULED", 0, 0, LifecycleStage.ACTIVE)
        data = RunData(tags=[RunTag(tags.STEP, step), RunTag(tags.FINGERPRINT, fingerprint)])
        super().__init__(MlflowRun(info, data), "")
        self.made_from = dict(inputs)

    @property
    @override
    def inputs(self) -> dict[str, str]:
        """Steps to ids of the runs that it would read."""
        return {stem: run.id for stem, run in self.made_from.items()}

    @property
    @override
    def params(self) -> NoReturn:
        """Nothing yet."""
        raise NotMadeYetError

    @property
    @override
    def metrics(self) -> NoReturn:
        """Nothing yet."""
        raise NotMadeYetError

    @override
    def missing(self) -> str:
        """Says that nothing is missing, since the command will make it."""
        return ""

    @override
    def folder(self, name: str) -> NoReturn:
        """Nothing yet."""
        raise NotMadeYetError
