"""Which files of a folder are images, by their names alone, and why the others are left out."""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from typing import NamedTuple

from PIL import Image

from lds_mlflow.data.faults import Fault
from lds_mlflow.data.walk import FoundFile
from lds_mlflow.errors import quoted

__all__ = ["SortedFiles", "readable_endings", "say_left_out", "sort_out"]

_SYSTEM = {
    *("__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "@eadir", "#recycle", "@recycle"),
    *("lost+found", "$recycle.bin", "recycler", "system volume information", "__pycache__"),
}
"""Files and folders of desktops, network storage and tools, in small letters; names that begin with "." are too."""
_NO_PICTURES = {"BUFR", "EPS", "FLI", "GRIB", "HDF5", "IPTC", "MPEG", "PDF", "WMF"}
"""Formats that Pillow knows but that are documents, films or data, or need another program to be read."""


class SortedFiles(NamedTuple):
    """Files by what they are taken for.

    Attributes:
        images: Those whose ending says that they are images.
        others: All others that can be opened, and are neither hidden nor the system's.
        faults: Those that are hidden, the system's, or can't be opened.
    """

    images: list[str]
    others: list[str]
    faults: list[Fault]


@cache
def readable_endings() -> frozenset[str]:
    """Returns the endings of the images that Pillow reads, in small letters, such as ".png"."""
    # Pillow asks the formats in the order of their registration: the frequent ones come first.
    Image.preinit()
    Image.init()
    formats = Image.OPEN.keys() - _NO_PICTURES
    return frozenset(ending for ending, form in Image.registered_extensions().items() if form in formats)


def sort_out(files: Iterable[FoundFile]) -> SortedFiles:
    """Sorts files by their names."""
    endings, hidden_folders = readable_endings(), dict[str, bool]()
    images: list[str] = []
    others: list[str] = []
    faults: list[Fault] = []
    for name, unreadable in files:
        folder, _, file = name.rpartition("/")
        if folder not in hidden_folders:
            hidden_folders[folder] = any(map(_is_hidden, folder.split("/")))
        if hidden_folders[folder] or _is_hidden(file):
            faults.append(Fault(name, "hidden", "a hidden or system file"))
        elif unreadable:
            faults.append(Fault(name, "link", unreadable))
        elif _ending(file) in endings:
            images.append(name)
        else:
            others.append(name)
    return SortedFiles(images, others, faults)


def _is_hidden(part: str) -> bool:
    # Names in an archive may begin with "..", which is no hidden folder.
    return (part.startswith(".") and part not in {".", ".."}) or part.casefold() in _SYSTEM


def _ending(file: str) -> str:
    stem, dot, ending = file.rpartition(".")
    return f".{ending.lower()}" if dot and stem else ""


def say_left_out(faults: Sequence[Fault]) -> str:
    """Returns in words how many files are left out, and why; "" where there are none."""
    by_kind = {kind: [fault.name for fault in faults if fault.kind == kind] for kind in {f.kind for f in faults}}
    hidden = Counter(next(filter(_is_hidden, name.split("/"))) for name in by_kind.get("hidden", ()))
    endings = Counter(_ending(name.rpartition("/")[2]) or "none" for name in by_kind.get("ending", ()))
    said = {
        "hidden": f"hidden or system files ({_counted(hidden)})",
        "ending": f"files by their endings ({_counted(endings)})",
        "link": "links that lead nowhere or in a circle",
        "unlisted": "images that have no row in the table",
    }
    return ", ".join(f"{len(by_kind[kind]):,} {words}" for kind, words in said.items() if kind in by_kind)


def _counted(counts: Counter[str]) -> str:
    return quoted(f"{name} {count:,}" for name, count in counts.most_common())
