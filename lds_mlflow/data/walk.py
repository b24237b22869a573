"""The files of a folder, in the order of their names, with those behind links."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from lds_mlflow.errors import DataError

__all__ = ["FoundFile", "walk"]


class FoundFile(NamedTuple):
    """A file below a folder.

    Attributes:
        name: Its path in the folder, with "/" between the parts.
        unreadable: Why it can't be opened, in words; "" for a file that can.
    """

    name: str
    unreadable: str = ""


def walk(folder: Path) -> Iterator[FoundFile]:
    """Finds every file below a folder. Links are followed, but not into a folder that they lie in.

    Raises:
        DataError: A folder can't be listed.
    """
    yield from _walk(str(folder), "", (os.path.realpath(folder),))


def _walk(folder: str, prefix: str, above: tuple[str, ...]) -> Iterator[FoundFile]:
    try:
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(
            folder,
            found=f"a folder that can't be listed ({error.strerror})",
            expected="folders that this user may read",
            remedy="Change the permissions of the folder, or move it out of the images' folder.",
        ) from error
    for entry in entries:
        name = prefix + entry.name
        if entry.is_dir():
            # Only a link can lead back up.
            real = os.path.realpath(entry.path) if entry.is_symlink() else f"{above[-1]}/{entry.name}"
            if real in above:
                yield FoundFile(name, "a link to a folder that it lies in")
            else:
                yield from _walk(entry.path, f"{name}/", (*above, real))
        elif entry.is_file():
            yield FoundFile(name)
        else:
            yield FoundFile(name, "a link to nothing" if entry.is_symlink() else "neither a file nor a folder")
