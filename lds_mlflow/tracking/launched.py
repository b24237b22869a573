"""Runs that `mlflow run` launched, and their end as KILLED.

MLflow's launcher sets the status of a run whose command ends with an error to FAILED, unless the run has ended already;
but it looks for the status's name among numbers (mlflow.projects._maybe_set_run_terminated), so it always does. A
process that outlives the command sets it right.
"""

import os
import subprocess
import sys
from time import monotonic, sleep

from mlflow import MlflowClient

__all__ = ["keep_killed"]

_PATIENCE_SECONDS = 30
_PAUSE_SECONDS = 0.2


def keep_killed(tracking_uri: str, run_id: str) -> None:
    """Starts a process of its own that sets a run back to KILLED once the launcher has overwritten that."""
    subprocess.Popen(
        [sys.executable, "-m", __name__, run_id],
        env={**os.environ, "MLFLOW_TRACKING_URI": tracking_uri},
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _wait_and_set(run_id: str) -> None:
    client = MlflowClient()
    deadline = monotonic() + _PATIENCE_SECONDS
    while client.get_run(run_id).info.status == "KILLED" and monotonic() < deadline:
        sleep(_PAUSE_SECONDS)
    client.set_terminated(run_id, "KILLED")


if __name__ == "__main__":
    _wait_and_set(sys.argv[1])
