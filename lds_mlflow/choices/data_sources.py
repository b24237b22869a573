"""Where examples come from: functions that read them, and functions that digest what lies outside the pipeline.

An argument of a function that reads is given by `place` (the text after the name and its colon, or all of a path),
`path` (the place as a path), `reading` (how to read, a `Reading`) or `resolution` (the side in pixels to which images
are resized; 0 keeps theirs).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from urllib.parse import urlsplit

from lds_mlflow.choices.choice import Choice

__all__ = ["A_PATH", "DATA_SOURCES", "DIGITS", "MOLECULES", "DataSource", "data_source_of", "forms", "name_of"]

A_PATH = ""
"""The entry of every value of `data` that names no other source."""

DIGITS = "digits"
"""The source that needs no file and no download, and the default."""

MOLECULES = "molecules"
"""The source of molecules, alone or with a file of SMILES."""

_NAMELESS = "data"
_LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class DataSource(Choice):
    """A source of examples.

    Attributes:
        place: What is written after the name and a colon, such as "FILE"; empty where the name is the whole value.
        stands_alone: Whether the name may be the whole value as well.
        endings: The endings of files that are read by this source where a path alone is given.
        usual: Parameters of other steps that have another default with such examples, by name.
        outside: Where the function is that returns a digest of what lies outside the pipeline. It takes the place.
        is_bundled: Whether it is a known data set, whose copies are part of it and not a mistake.
    """

    place: str = ""
    stands_alone: bool = False
    endings: tuple[str, ...] = ()
    usual: Mapping[str, str] = field(default_factory=dict)
    outside: str = "lds_mlflow.data.outside:digest_of_listing"
    is_bundled: bool = False

    @property
    def takes_reading(self) -> bool:
        """Whether it is read as the parameters of the step `data` say, and not always in the same way."""
        return "reading" in self.takes.values()


DATA_SOURCES = {
    DIGITS: DataSource(
        "scikit-learn's",
        "lds_mlflow.data.digits:load_digits",
        {"resolution": "resolution"},
        outside="lds_mlflow.data.digits:version_of_digits",
        is_bundled=True,
    ),
    A_PATH: DataSource(
        "a folder or a zip of images or sound",
        "lds_mlflow.data.folder:load_folder",
        {"path": "path", "reading": "reading"},
    ),
    "torchvision": DataSource(
        "as torchvision stores it",
        "lds_mlflow.data.torchvision_sets:load_torchvision",
        {"place": "place", "resolution": "resolution"},
        place="NAME:FOLDER",
        outside="lds_mlflow.data.torchvision_sets:digest_of_root",
        is_bundled=True,
    ),
    MOLECULES: DataSource(
        "SMILES",
        "lds_mlflow.domains.molecules.reading:load_molecules",
        {"path": "path", "reading": "reading"},
        place="FILE",
        stands_alone=True,
        endings=(".smi", ".smiles", ".csv", ".tsv"),
        usual={
            "recipe": "sequence",
            "learning_rate": "0.003",
            "finetune_learning_rate": "0.0006",
            "features": "chemnet",
        },
    ),
}
"""The sources by name."""


def data_source_of(data: str) -> tuple[DataSource, str]:
    """Returns the source that a value of `data` names, and the place in it: what follows the colon, or the path."""
    name, colon, place = data.partition(":")
    source = DATA_SOURCES.get(name)
    if source is not None and (bool(colon) == bool(source.place) or (source.stands_alone and not colon)):
        return source, place
    ending = PurePath(data).suffix.lower()
    by_ending = (other for other in DATA_SOURCES.values() if ending in other.endings)
    return next(by_ending, DATA_SOURCES[A_PATH]), data


def name_of(data: str) -> str:
    """Returns what people call a value of `data`: the name of a data set, or that of a folder or a file."""
    source, place = data_source_of(data)
    if source is not DATA_SOURCES[A_PATH] and not (source.endings and place):
        return place.partition(":")[0] or data
    # The rest of an address may be a password.
    path = Path(urlsplit(place).path if "://" in place else place).absolute()
    is_file = path.suffix.lower() in (".zip", *source.endings)
    return (path.stem if is_file else path.name)[:_LONGEST_NAME] or _NAMELESS


def forms() -> str:
    """Returns all that `data` takes, in a phrase."""
    return "; ".join(_form(name, source) for name, source in DATA_SOURCES.items())


def _form(name: str, source: DataSource) -> str:
    if name == A_PATH:
        return source.says
    if source.stands_alone:
        return f"{name}[:{source.place}] ({source.says})"
    return f"{name}:{source.place} ({source.says})" if source.place else f"{name} ({source.says})"
