"""The tracking store of a command, before anything is read from it or written to it."""

import sys

import mlflow
from mlflow import MlflowClient
from mlflow.environment_variables import MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR
from mlflow.exceptions import MlflowException

from lds_mlflow.errors import first_line, without_passwords
from lds_mlflow.tracking.patience import impatient

__all__ = ["show_bars_of_downloads_only", "store_and_problem"]


def store_and_problem() -> tuple[str, str]:
    """Returns the address of the store without passwords, and why it doesn't answer, or "".

    A store on this machine is made by the first command, so it always answers.
    """
    uri = mlflow.get_tracking_uri()
    if uri.startswith("http"):
        try:
            with impatient():
                MlflowClient(uri).search_experiments(max_results=1)
        except MlflowException as error:
            return without_passwords(uri), first_line(error)
    return without_passwords(uri), ""


def show_bars_of_downloads_only() -> None:
    """Has MLflow show bars of downloads from a server alone, and only in a terminal, where people see them move."""
    if not mlflow.get_tracking_uri().startswith("http") or not sys.stderr.isatty():
        MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR.set(False)
