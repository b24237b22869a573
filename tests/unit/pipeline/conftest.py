"""What several commands' tests share."""

from typing import Any

from lds_mlflow.tracking import Tracker

QUIET: dict[str, Any] = {"registered_model": "none"}


def artifacts(tracker: Tracker, run_id: str) -> set[str]:
    return {item.path for folder in ("", "pictures") for item in tracker.client.list_artifacts(run_id, folder)}
