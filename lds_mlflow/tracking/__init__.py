"""The only room that knows MLflow: runs, what they leave behind, and the registry."""

from lds_mlflow.tracking import tags
from lds_mlflow.tracking.address import store_and_problem
from lds_mlflow.tracking.experiment import Subject
from lds_mlflow.tracking.hints import next_steps
from lds_mlflow.tracking.lineage import FinishedRun
from lds_mlflow.tracking.pages import (
    address_of_ui,
    link_to_version,
    page_of_artifact,
    page_of_runs,
    page_of_version,
)
from lds_mlflow.tracking.planned import NotMadeYetError, PlannedRun
from lds_mlflow.tracking.registration import register_sampler
from lds_mlflow.tracking.registry import CHAMPION, NEWEST, NONE, Version
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
    "Subject",
    "Tracker",
    "Version",
    "address_of_ui",
    "link_to_version",
    "next_steps",
    "page_of_artifact",
    "page_of_runs",
    "page_of_version",
    "register_sampler",
    "store_and_problem",
    "tags",
]
