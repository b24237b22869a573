"""Where relative paths of a command's own files lead: to the project, or to a place that outlives a project's copy.

For an address of a Git repository or of a zip file, `mlflow run` makes a new copy of the project in a temporary folder
each time. What lies in it is not found again by the next command.
"""

import os
import re
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from platformdirs import user_state_path

__all__ = ["LAUNCHED_RUN", "handed_over", "is_launched", "kept", "lasting_place"]

LAUNCHED_RUN = "MLFLOW_RUN_ID"
"""The environment variable by which MLflow's launcher names the run that it has begun."""

_TEMPORARY_NAME = re.compile(r"tmp[a-z0-9_]{8}")
"""How Python's tempfile.mkdtemp names folders."""

_SQLITE = "sqlite"


def handed_over() -> str:
    """Returns the id of the run that MLflow's launcher has handed over to this command; "" where there is none."""
    return os.environ.get(LAUNCHED_RUN, "")


def is_launched() -> bool:
    """Says whether MLflow's launcher has started this command."""
    return bool(handed_over())


def kept(path: Path) -> Path:
    """Returns a relative path as one in the lasting place, where the project is a temporary copy."""
    place = lasting_place()
    return path if place is None else place / path


def lasting_place() -> Path | None:
    """Returns the folder for what has to outlive the project's temporary copy; None where the project is no such copy.

    It is the folder of the tracking store's SQLite file, or else the user's folder for the state of programs.
    """
    if not is_launched() or not _is_temporary_copy(Path.cwd()):
        return None
    address = urlsplit(os.environ.get("MLFLOW_TRACKING_URI", ""))
    # In sqlite:////folder/file, the first slash belongs to the address.
    database = Path(address.path[1:])
    if address.scheme == _SQLITE and database.is_absolute():
        return database.parent
    return user_state_path("lds_mlflow")


def _is_temporary_copy(project: Path) -> bool:
    root = next((folder for folder in (project, *project.parents) if _is_temporary(folder)), None)
    if root is None:
        return False
    # A checkout that someone has made within a temporary folder has a Git folder below it.
    return not any((folder / ".git").exists() for folder in (project, *project.parents) if root in folder.parents)


def _is_temporary(folder: Path) -> bool:
    return bool(_TEMPORARY_NAME.fullmatch(folder.name)) and folder.parent == Path(tempfile.gettempdir()).resolve()
