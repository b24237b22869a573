"""The only room that knows MLflow: runs, what they leave behind, and the registry."""

from lds_mlflow.tracking import tags
from lds_mlflow.tracking.address import store_and_problem
from lds_mlflow.tracking.hints import next_steps
from lds_mlflow.tracking.lineage import FinishedRun
from lds_mlflow.tracking.planned import NotMadeYetError, PlannedRun
from lds_mlflow.tracking.registry import CHAMPION, NEWEST, NONE, Version, register_sampler
from lds_mlflow.tracking.runs import Run
from lds_mlflow.tracking.tracker import Tracker

__all__ = [
    "CHAMPION",
    "NEWEST",
    "NONE",
    "FinishedRun",
    "NotMadeYetError",
    "PlannedRun",
    "Run",
    "Tracker",
    "Version",
    "next_steps",
    "register_sampler",
    "store_and_problem",
    "tags",
]
