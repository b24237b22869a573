"""compose.yaml as a compose program reads it."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

__all__ = ["SECRETS", "composed"]

SECRETS = {
    "POSTGRES_PASSWORD": "a-database-password",
    "MLFLOW_PASSWORD": "a-server-password",
    "S3_KEY": "a-key",
    "S3_SECRET": "a-secret-of-the-store",
    "FLASK_SECRET": "a-secret-of-the-server",
}


def composed() -> dict[str, Any]:
    """Returns compose.yaml with its variables filled in, every profile on."""
    root = Path(__file__).parents[1]
    command = [sys.executable, "-m", "podman_compose", "--profile", "tune", "--profile", "serve", "config"]
    done = subprocess.run(command, cwd=root, env={**os.environ, **SECRETS}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = yaml.safe_load(done.stdout)
    return found
