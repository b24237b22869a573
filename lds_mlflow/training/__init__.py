"""The fit loop that training and finetuning share."""

from lds_mlflow.training.checkpoint import Checkpoint, CheckpointFile
from lds_mlflow.training.diagnosis import active_units, diagnose
from lds_mlflow.training.ending import Ending
from lds_mlflow.training.fit import FitResult, fit
from lds_mlflow.training.plan import FitPlan
from lds_mlflow.training.task import FitHooks, FitTask

__all__ = [
    "Checkpoint",
    "CheckpointFile",
    "Ending",
    "FitHooks",
    "FitPlan",
    "FitResult",
    "FitTask",
    "active_units",
    "diagnose",
    "fit",
]
