"""Examples as a person sees and hears them: a picture, and the files that a run keeps beside it."""

from collections.abc import Mapping

from torch import Tensor

from lds_mlflow.domains import Domain, files_beside
from lds_mlflow.pictures import Picture
from lds_mlflow.tracking import Run

__all__ = ["log_shown"]


def log_shown(run: Run, domain: Domain, file: str, picture: Picture, groups: Mapping[str, Tensor]) -> None:
    """Logs a picture of examples as the artifact `file`, and what is kept beside it; see `files_beside`."""
    run.log_picture(picture, file)
    run.log_files(files_beside(domain, file, groups))
