"""The MLproject files, with all entry points: `python -m tuning.mlproject` writes them."""

from collections.abc import Mapping
from pathlib import Path

from lds_mlflow.entry.mlproject import IN_A_CONTAINER, ON_THIS_MACHINE, mlproject
from lds_mlflow.entry.points import ENTRY_POINTS
from tuning.entry import TUNE

__all__ = ["mlprojects"]


def mlprojects() -> Mapping[str, str]:
    """Returns the texts of the MLproject files by their paths within the project."""
    points = (*ENTRY_POINTS.values(), TUNE)
    return {"MLproject": mlproject(points, ON_THIS_MACHINE), "containers/MLproject": mlproject(points, IN_A_CONTAINER)}


if __name__ == "__main__":
    for path, text in mlprojects().items():
        Path(path).write_text(text, encoding="utf-8")
