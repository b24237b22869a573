"""Where examples come from: functions that read them, and functions that digest what lies outside the pipeline.

An argument of a function that reads is given by `place` (the text after the name and its colon, or all of a path),
`path` (the place as a path), `reading` (how to read, a `Reading`) or `resolution` (the side in pixels to which images
are resized; 0 keeps theirs).
"""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from lds_mlflow.choices.choice import Choice

__all__ = ["A_PATH", "DATA_SOURCES", "DIGITS", "DataSource", "data_source_of", "forms", "name_of"]

A_PATH = ""
"""The entry of every value of `data` that names no other source."""

DIGITS = "digits"
"""The source that needs no file and no download, and the default."""


_NAMELESS = "data"
_LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class DataSource(Choice):
    """A source of examples.

    Attributes:
        place: What is written after the name and a colon, such as "FILE"; empty where the name is the whole value.
        outside: Where the function is that returns a digest of what lies outside the pipeline. It takes the place.
        is_bundled: Whether it is a known data set, whose copies are part of it and not a mistake.
    """

    place: str = ""
    outside: str = "lds_mlflow.data.outside:digest_of_listing"
    is_bundled: bool = False


DATA_SOURCES = {
    DIGITS: DataSource(
        "scikit-learn's handwritten digits",
        "lds_mlflow.data.digits:load_digits",
        {"resolution": "resolution"},
        outside="lds_mlflow.data.digits:version_of_digits",
        is_bundled=True,
    ),
    A_PATH: DataSource(
        "a folder or a zip of images or of sound",
        "lds_mlflow.data.folder:load_folder",
        {"path": "path", "reading": "reading"},
    ),
    "torchvision": DataSource(
        "a data set as torchvision stores it",
        "lds_mlflow.data.torchvision_sets:load_torchvision",
        {"place": "place", "resolution": "resolution"},
        place="NAME:FOLDER",
        outside="lds_mlflow.data.torchvision_sets:digest_of_root",
        is_bundled=True,
    ),
}
"""The sources by name."""


def data_source_of(data: str) -> tuple[DataSource, str]:
    """Returns the source that a value of `data` names, and the place in it: what follows the colon, or the path."""
    name, colon, place = data.partition(":")
    source = DATA_SOURCES.get(name)
    if source is None or bool(colon) != bool(source.place):
        return DATA_SOURCES[A_PATH], data
    return source, place


def name_of(data: str) -> str:
    """Returns what people call a value of `data`: the name of a data set, or that of a folder or a zip file."""
    source, place = data_source_of(data)
    if source is not DATA_SOURCES[A_PATH]:
        return place.partition(":")[0] or data
    # The rest of an address may be a password.
    path = Path(urlsplit(place).path if "://" in place else place).absolute()
    return (path.stem if path.suffix.lower() == ".zip" else path.name)[:_LONGEST_NAME] or _NAMELESS


def forms() -> str:
    """Returns all that `data` takes, in a phrase."""
    return "; ".join(_form(name, source) for name, source in DATA_SOURCES.items())


def _form(name: str, source: DataSource) -> str:
    if name == A_PATH:
        return f"the path of {source.says}"
    return f"{name}:{source.place} ({source.says})" if source.place else f"{name} ({source.says})"
