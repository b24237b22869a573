"""Pages of MLflow's UI: their places below its address, and what its list of runs shows."""

import json
from urllib.parse import quote

from lds_mlflow.errors import without_passwords

__all__ = [
    "VIEW",
    "address_of_ui",
    "link_to_version",
    "page_of_artifact",
    "page_of_run",
    "page_of_runs",
    "page_of_version",
]

_OF_LOCAL_UI = "http://127.0.0.1:5000"
_KEY = "figures"
_MODE = "workflowType=machine_learning"
"""What has the UI open for the training of models; without it, a browser shows the UI for language models at first."""

_COLUMNS = ("fid", "coverage", "nearest_ratio")

VIEW = (f"mlflow.sharedViewState.{_KEY}", json.dumps({"selectedColumns": [f"metrics.`{name}`" for name in _COLUMNS]}))
"""A tag of an experiment: a view of its runs, as the UI shares one, with columns of figures, which others lack."""


def address_of_ui(tracking_uri: str) -> str:
    """Returns the address of a store's UI: that of a server, or where `mlflow ui` shows a store on this machine."""
    return without_passwords(tracking_uri) if tracking_uri.startswith("http") else _OF_LOCAL_UI


def page_of_run(experiment_id: str, run_id: str) -> str:
    """Returns the page of a run."""
    return f"#/experiments/{experiment_id}/runs/{run_id}?{_MODE}"


def page_of_runs(experiment_id: str) -> str:
    """Returns the page of all runs of an experiment, with the columns of VIEW."""
    return f"#/experiments/{experiment_id}/runs?viewStateShareKey={_KEY}&{_MODE}"


def page_of_artifact(experiment_id: str, run_id: str, file: str) -> str:
    """Returns the page that shows an artifact of a run."""
    return f"#/experiments/{experiment_id}/runs/{run_id}/artifacts/{quote(file)}?{_MODE}"


def page_of_version(version: str) -> str:
    """Returns the page of a version of a registered model, which is given as NAME/NUMBER."""
    name, _, number = version.rpartition("/")
    return f"#/models/{quote(name, safe='')}/versions/{number}?{_MODE}"


def link_to_version(version: str) -> str:
    """Returns the name of a version of a registered model in Markdown, with a link that works in MLflow's UI."""
    name, _, number = version.rpartition("/")
    return f"[{name} version {number}]({page_of_version(version)})"
