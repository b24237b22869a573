"""What lies outside the pipeline, in a digest."""

from pathlib import Path

from lds_mlflow.choices.data_sources import forms
from lds_mlflow.data.walk import walk
from lds_mlflow.errors import DataError
from lds_mlflow.machine.files import digest_of_bytes

__all__ = ["digest_of_listing"]


def digest_of_listing(place: str) -> str:
    """Returns a digest of the names, sizes and times of a file or of all files in a folder; their content isn't read.

    Raises:
        DataError: There is no such file or folder.
    """
    path = Path(place)
    if not path.exists():
        raise DataError(
            "data",
            found=f"neither a file nor a folder at {place}",
            expected=f"one of: {forms()}",
            remedy="Check the path; a relative path starts at the project's folder.",
        )
    files = [path / found.name for found in walk(path) if not found.unreadable] if path.is_dir() else [path]
    listing = [f"{file.relative_to(path.parent)} {file.stat().st_size} {file.stat().st_mtime_ns}" for file in files]
    return digest_of_bytes("\n".join(listing).encode())
