"""The fit loop that training and finetuning share."""

from lds_mlflow.training.checkpoint import Checkpoint, CheckpointFile
from lds_mlflow.training.diagnosis import active_units, diagnose
from lds_mlflow.training.fit import FIT, FitResult, fit, follow_fit
from lds_mlflow.training.plan import FitPlan

__all__ = [
    "FIT",
    "Checkpoint",
    "CheckpointFile",
    "FitPlan",
    "FitResult",
    "active_units",
    "diagnose",
    "fit",
    "follow_fit",
]
