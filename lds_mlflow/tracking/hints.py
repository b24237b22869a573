"""What a command says at its end: how to look at its run, and what can be done with the model that it registered."""

import sys
from pathlib import Path
from shutil import which

import mlflow
from mlflow.exceptions import MlflowException

from lds_mlflow.errors import first_line, without_passwords
from lds_mlflow.tracking import tags
from lds_mlflow.tracking.pages import address_of_ui, page_of_run
from lds_mlflow.tracking.registry import CHAMPION, MODELS_ADDRESS
from lds_mlflow.tracking.tracker import Tracker

__all__ = ["next_steps"]


def next_steps(tracker: Tracker, run_id: str, version: str) -> list[str]:
    """Returns lines for the console.

    Args:
        tracker: The store.
        run_id: The run.
        version: The version that the command has registered or judged, as NAME/NUMBER; "" for none.
    """
    address, page = without_passwords(tracker.tracking_uri), page_of_run(tracker.experiment_id, run_id)
    if address.startswith("http"):
        lines = [f"Look:   {address}/{page}"]
    else:
        store = "" if _is_usual(address) else f" --backend-store-uri {address}"
        lines = [f"Look:   {_program()} ui{store}", f"  {address_of_ui(address)}/{page}"]
    if version:
        # An address without its password would take the place of one that works.
        if not _is_usual(address) and address == tracker.tracking_uri:
            lines.append(f"export MLFLOW_TRACKING_URI={address}")
        try:
            lines += _uses_of(tracker, version)
        except MlflowException as error:
            lines.append(f"Serve:  the model registry doesn't answer now ({first_line(error)})")
    return lines


def _uses_of(tracker: Tracker, version: str) -> list[str]:
    name, _, number = version.rpartition("/")
    uri, champion = f"{MODELS_ADDRESS}{version}", tracker.registry.find(name, CHAMPION)
    # `sample` draws by the latent density unless it is told otherwise.
    there = tracker.registry.find(name, number)
    sampler = there.tags.get(tags.SAMPLER) if there else None
    drawn = f" -P sampler={sampler}" if sampler else ""
    lines = [
        f"Sample: {_program()} run . -e sample --env-manager uv -P model_run={uri}{drawn}",
        _serve(uri),
    ]
    if champion is None:
        return [*lines, f"        Version {number} of {name} is not the champion, and no other version is."]
    if champion.number == number:
        return [*lines, f"        It is the champion of {name}."]
    return [*lines, f"        Version {number} of {name} is not the champion: version {champion.number} is."]


def _serve(uri: str) -> str:
    return f"Serve:  {_program()} run . -e serve --env-manager uv -P model={uri}"


def _is_usual(address: str) -> bool:
    """Says whether MLflow takes this store by itself in this folder."""
    return address == f"sqlite:///{Path.cwd() / 'mlflow.db'}"


def _program() -> str:
    # With only uv installed, there is no mlflow on the path.
    return f"uvx mlflow@{mlflow.__version__}" if which("uvx") else f"{sys.executable} -m mlflow"
