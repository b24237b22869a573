"""Which files of a folder hold examples, by their names alone, and why the others are left out."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from lds_mlflow.data.faults import Fault
from lds_mlflow.data.file_kinds import PICTURES, FileKind
from lds_mlflow.data.walk import FoundFile
from lds_mlflow.errors import quoted

__all__ = ["SortedFiles", "ending_of", "say_left_out", "sort_out"]

_SYSTEM = {
    *("__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "@eadir", "#recycle", "@recycle"),
    *("lost+found", "$recycle.bin", "recycler", "system volume information", "__pycache__"),
}
"""Files and folders of desktops, network storage and tools, in small letters; names that begin with "." are too."""


class SortedFiles(NamedTuple):
    """Files by what they are taken for.

    Attributes:
        images: Those whose ending says that they are of the kind that is looked for.
        others: All others that can be opened, and are neither hidden nor the system's.
        faults: Those that are hidden, the system's, or can't be opened.
    """

    images: list[str]
    others: list[str]
    faults: list[Fault]


def sort_out(files: Iterable[FoundFile], kind: FileKind = PICTURES) -> SortedFiles:
    """Sorts files by their names: those of a kind, and others."""
    endings, hidden_folders = kind.endings(), dict[str, bool]()
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
        elif ending_of(file) in endings:
            images.append(name)
        else:
            others.append(name)
    return SortedFiles(images, others, faults)


def _is_hidden(part: str) -> bool:
    # Names in an archive may begin with "..", which is no hidden folder.
    return (part.startswith(".") and part not in {".", ".."}) or part.casefold() in _SYSTEM


def ending_of(file: str) -> str:
    """Returns the ending of a file's name with its dot, in small letters; "" where it has none."""
    stem, dot, ending = file.rpartition(".")
    return f".{ending.lower()}" if dot and stem else ""


def say_left_out(faults: Sequence[Fault]) -> str:
    """Returns in words how many files are left out, and why; "" where there are none."""
    by_kind = {kind: [fault.name for fault in faults if fault.kind == kind] for kind in {f.kind for f in faults}}
    hidden = Counter(next(filter(_is_hidden, name.split("/"))) for name in by_kind.get("hidden", ()))
    endings = Counter(ending_of(name.rpartition("/")[2]) or "none" for name in by_kind.get("ending", ()))
    said = {
        "hidden": f"hidden or system files ({_counted(hidden)})",
        "ending": f"files by their endings ({_counted(endings)})",
        "link": "links that lead nowhere or in a circle",
        "unlisted": "images that have no row in the table",
    }
    return ", ".join(f"{len(by_kind[kind]):,} {words}" for kind, words in said.items() if kind in by_kind)


def _counted(counts: Counter[str]) -> str:
    return quoted(f"{name} {count:,}" for name, count in counts.most_common())
