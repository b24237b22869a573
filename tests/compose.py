"""compose.yaml as a compose program reads it."""

import os
import subprocess
import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import yaml

from tests.places import ROOT

__all__ = ["SECRETS", "compose_config", "composed"]

SECRETS = {
    "POSTGRES_PASSWORD": "a-database-password",
    "WORKER_DATABASE_PASSWORD": "a-password-of-the-workers-role",
    "WORKER_PASSWORD": "a-password-of-the-workers",
    "SAMPLER_PASSWORD": "a-password-of-the-sampler",
    "MLFLOW_PASSWORD": "a-server-password",
    "S3_KEY": "a-key",
    "S3_SECRET": "a-secret-of-the-store",
    "FLASK_SECRET": "a-secret-of-the-server",
}


def composed() -> dict[str, Any]:
    """Returns compose.yaml with its variables filled in, every profile on."""
    done = compose_config("--profile", "tune", "--profile", "serve", secrets=SECRETS)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = yaml.safe_load(done.stdout)
    return found


def compose_config(
    *options: str, secrets: Mapping[str, str] = MappingProxyType({})
) -> subprocess.CompletedProcess[str]:
    """Has podman-compose read compose.yaml; there need be no podman."""
    file = ROOT / "compose.yaml"
    command = [sys.executable, "-m", "podman_compose", "--dry-run", "--file", str(file), *options, "config"]
    # Another folder has no .env file.
    folder, environment = file.parent / "containers", {**os.environ, **secrets}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
