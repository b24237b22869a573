"""Folders that divide images into parts, such as train, val and test, above or below the folders of classes."""

import re
from collections.abc import Collection, Mapping
from typing import NamedTuple

from lds_mlflow.errors import DataError, quoted

__all__ = ["PART_WORDS", "Ambiguity", "Division", "Folder", "divide", "shared_depth"]

PART_WORDS = {
    **dict.fromkeys(("train", "training", "trainset", "trainval"), "train"),
    **dict.fromkeys(("select", "val", "valid", "validation", "valset", "dev"), "select"),
    **dict.fromkeys(("test", "testing", "testset", "eval", "evaluation"), "test"),
    "reserve": "reserve",
}
"""Part by the word for it, in small letters; the words are those of Hugging Face's datasets, and this project's."""
_ALSO_A_CLASS = {"valid"}
_WORD = re.compile(r"[^\W\d_]+")

Folder = tuple[str, ...]
"""The path of a folder, by its parts."""


def shared_depth(folders: Collection[Folder]) -> int:
    """Returns how many folders all of the paths begin with."""
    first, last = min(folders), max(folders)
    differing = (depth for depth, (one, other) in enumerate(zip(first, last, strict=False)) if one != other)
    return next(differing, min(len(first), len(last)))


class Division(NamedTuple):
    """What the folders say about the images in them.

    Attributes:
        part: The part of each folder's images; empty where folders name no parts.
        place: The path of the folder that says so.
        inner: What is left of each folder's path without it.
    """

    part: Mapping[Folder, str]
    place: Mapping[Folder, Folder]
    inner: Mapping[Folder, Folder]


class Ambiguity(NamedTuple):
    """Folders that can be read in two ways.

    Attributes:
        found: What there is, in words.
    """

    found: str

    def error(self, where: str) -> DataError:
        """Returns the error that says how to choose a reading."""
        return DataError(
            where,
            found=self.found,
            expected="folders of which all or none are parts of the data (train and others, such as val and test)",
            remedy="Give the path of one folder, move what is no part elsewhere, rename a folder that is a class "
            "(train to trains), or bring a labels.csv with columns file and split.",
        )


class _Told(NamedTuple):
    part: str
    rest: Folder


def divide(folders: Collection[Folder]) -> Division | Ambiguity:
    """Looks for the level of folders that are parts: all of them are named so, and train and another are there.

    Args:
        folders: The folders that have images directly in them.
    """
    for level in range(max(map(len, folders), default=0)):
        told = {folder[level]: _told(folder[level]) for folder in folders if len(folder) > level}
        loose = any(len(folder) <= level for folder in folders)
        common = _common(told)
        if common is not None:
            others = [name for name, said in told.items() if said is None or said.rest != common]
            if others or loose:
                return _beside([name for name in told if name not in others], others)
            return _checked(folders, level)
        parts = [name for name, said in told.items() if said and not said.rest and _word(name) not in _ALSO_A_CLASS]
        others = [name for name in told if name not in parts]
        if parts and (others or loose or len(parts) > 1):
            return _beside(parts, others)
    return Division({}, {}, {folder: folder for folder in folders})


def _word(name: str) -> str:
    return name.casefold().strip()


def _told(name: str) -> _Told | None:
    """Returns the part that a folder's name speaks of, and the name's other words: "train_faces" -> train, (faces)."""
    words = _WORD.findall(name.casefold())
    parts = [PART_WORDS[word] for word in words if word in PART_WORDS]
    return _Told(parts[0], tuple(word for word in words if word not in PART_WORDS)) if len(parts) == 1 else None


def _common(told: Mapping[str, _Told | None]) -> Folder | None:
    """Returns the other words that the names of train and of another part have in common, or None."""
    by_rest: dict[Folder, set[str]] = {}
    for said in told.values():
        if said is not None:
            by_rest.setdefault(said.rest, set()).add(said.part)
    return next((rest for rest, parts in sorted(by_rest.items()) if "train" in parts and len(parts) > 1), None)


def _beside(parts: list[str], others: list[str]) -> Ambiguity:
    beside = f"beside {quoted(sorted(others))}" if others else "beside images, or without a folder train"
    return Ambiguity(f"folders named like parts of the data ({quoted(sorted(parts))}) {beside}")


def _checked(folders: Collection[Folder], level: int) -> Division | Ambiguity:
    own = {folder: _told(folder[level]) for folder in folders}
    part = {folder: said.part for folder, said in own.items() if said is not None}
    for folder in folders:
        deeper = [said.part for name in folder[level + 1 :] if (said := _told(name)) and not said.rest]
        if any(one != part[folder] for one in deeper):
            return Ambiguity(f"a folder that names two parts of the data, {'/'.join(folder)}")
    # Some archives have every part twice: train/train/cat.
    inner = {
        folder: folder[:level] + tuple(name for name in folder[level + 1 :] if _told(name) != own[folder])
        for folder in folders
    }
    return Division(part, {folder: folder[: level + 1] for folder in folders}, inner)
