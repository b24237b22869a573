"""Folders that are classes, and folders that look like it."""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from lds_mlflow.data.part_folders import Division, Folder, shared_depth
from lds_mlflow.errors import DataError, quoted

__all__ = ["FolderClasses", "classes_of_folders", "folders_of"]

_BUCKET = re.compile(r"\d{5,}")
_NUMBERED = re.compile(r"\D*(\d+)(\.\w+)?")


class FolderClasses(NamedTuple):
    """The classes that folders name.

    Attributes:
        classes: The class of each image, or nothing.
        source: What to call their source to a person.
        notes: What a person should know about it, in sentences.
    """

    classes: Sequence[str]
    source: str = ""
    notes: tuple[str, ...] = ()


def _folder_of(name: str) -> Folder:
    return tuple(name.split("/")[:-1])


def folders_of(names: Iterable[str]) -> dict[str, Folder]:
    """Returns the folder of each image; images of one folder share it."""
    known: dict[str, Folder] = {}
    found = {}
    for name in names:
        path = name.rpartition("/")[0]
        if path not in known:
            known[path] = _folder_of(name)
        found[name] = known[path]
    return found


def classes_of_folders(folders: Mapping[str, Folder], division: Division, where: str) -> FolderClasses:
    """Finds the class of each image, by the first folder in which the images differ, beside those of parts.

    Args:
        folders: The folder of each image, by the path of the image.
        division: What their folders say about parts.
        where: What to call the whole in a message.

    Raises:
        DataError: One part has folders of classes, and another has none.
    """
    inner = {folder: division.inner[folder] for folder in set(folders.values())}
    shared = shared_depth(inner.values())
    named = {folder: (path[shared:] or ("",))[0] for folder, path in inner.items()}
    classes = [named[folder] for folder in folders.values()]
    if not any(classes):
        return FolderClasses([])
    _require_classes_of_parts(named, division, where)
    loose = classes.count("")
    if loose:
        beside = quoted(sorted(set(classes) - {""}))
        note = f"{loose:,} images lie beside the folders {beside}, so that the folders aren't taken for classes."
        return FolderClasses([], notes=(note,))
    if _are_buckets(folders, classes):
        note = "Folders of consecutive numbers aren't taken for classes. If they are, bring a labels.csv."
        return FolderClasses([], notes=(note,))
    return FolderClasses(classes, "the folders")


def _require_classes_of_parts(named: Mapping[Folder, str], division: Division, where: str) -> None:
    with_classes = {division.place[folder] for folder, name in named.items() if name and division.part}
    bare = {place for place in division.place.values() if place not in with_classes}
    if with_classes and bare:
        raise DataError(
            where,
            found=f"no folders of classes in {quoted(sorted(map('/'.join, bare)))}, but in "
            f"{quoted(sorted(map('/'.join, with_classes)))}",
            expected="folders of classes in every part, or in none",
            remedy="Sort these images into classes, move them elsewhere, or bring a labels.csv.",
        )


def _are_buckets(names: Iterable[str], folders: Sequence[str]) -> bool:
    """Returns whether numbered images were cut into numbered folders: the next folder begins where one ends."""
    if len({len(folder) for folder in folders}) > 1 or not all(map(_BUCKET.fullmatch, set(folders))):
        return False
    numbers: dict[str, list[int]] = {}
    for name, folder in zip(names, folders, strict=True):
        number = _NUMBERED.fullmatch(name.rpartition("/")[2])
        if number is None:
            return False
        numbers.setdefault(folder, []).append(int(number[1]))
    ordered = [numbers[folder] for folder in sorted(numbers)]
    return all(max(one) < min(other) for one, other in pairwise(ordered))
