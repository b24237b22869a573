"""What the files of a folder or a zip are taken for: images, their classes and parts, tables, and what is left out.

Only names are looked at, and the content of the small tables.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from lds_mlflow.data.class_folders import FolderClasses, classes_of_folders, folders_of
from lds_mlflow.data.faults import Fault
from lds_mlflow.data.file_kinds import PICTURES, FileKind
from lds_mlflow.data.labels import tidy_classes
from lds_mlflow.data.left_out import say_left_out, sort_out
from lds_mlflow.data.own_tables import Described, Table, chosen_tables, describe, open_table
from lds_mlflow.data.part_folders import Division, Folder, divide, shared_depth
from lds_mlflow.data.walk import FoundFile
from lds_mlflow.errors import DataError, quoted

__all__ = ["Layout", "lay_out"]

_TABLE_LIKE = (".csv", ".tsv", ".jsonl", ".parquet")
_MOST_NOTES = 3


@dataclass(frozen=True, slots=True)
class Layout:
    """What the files of a folder or a zip are taken for.

    Attributes:
        names_N: The images to read, by their paths.
        classes_N: The class of each; empty without classes.
        parts_N: The part that each is declared as ("train", "select", "test", "reserve", or "" for none); empty where
            none is declared.
        left_out: Every file that is neither an image to read nor a table that was read, and why.
        report: All of it for people, in at most seven lines.
    """

    names_N: tuple[str, ...]
    classes_N: tuple[str, ...]
    parts_N: tuple[str, ...]
    left_out: tuple[Fault, ...]
    report: tuple[str, ...]


def lay_out(
    files: Iterable[FoundFile],
    read: Callable[[str], bytes],
    *,
    where: str,
    given: Table | None = None,
    label: str = "",
    kind: FileKind = PICTURES,
) -> Layout:
    """Finds out what files are, by their names and by the tables among them.

    Args:
        files: Every file of the folder or zip, in the order in which images are to be read.
        read: Returns the content of one of them, a table.
        where: What to call the whole in a message.
        given: A table about the images, in place of those among the files.
        label: The column of the table that holds the class; "" takes the first that can be one.
        kind: Which files hold examples. They are called images here, of whatever kind.

    Raises:
        DataError: There are no images, the tables don't fit them, or the names can be read in two ways.
    """
    images, others, faults = sort_out(files, kind)
    if not images:
        raise _no_images(where, faults, others, kind)
    folders = folders_of(images)
    tables = [] if given else _own_tables(set(folders.values()), others, read, where)
    read_names = {table.name for table in tables}
    unread = [name for name in others if name not in read_names]
    described = _described(
        images, [table for table in (given, *tables) if table and not table.rows.empty], label, where
    )
    listed = set(described.names)
    faults += [Fault(name, "ending", f"not the ending of {kind.one}") for name in unread]
    faults += [Fault(name, "unlisted", "no row in the table") for name in images if name not in listed]

    # A table may name the images in another order, and not all of them.
    folders = {name: folders[name] for name in described.names}
    division = _division(described, set(folders.values()), where)
    parts = _parts(described, list(folders.values()), division, where)
    if described.classes or any(table.is_dataset for table in tables):
        found = FolderClasses(described.classes, f"the column {quoted([described.column])} of {described.source}")
    else:
        found = classes_of_folders(folders, division, where)
    classes = tidy_classes(found.classes, f"the classes of {where}")
    notes = [*described.notes, *found.notes, *_notes_on_tables(unread, set(folders.values()))]
    if len(set(classes)) < len(set(found.classes)):
        notes.append("Classes whose names differ only in blanks or in how their letters are composed are joined.")
    report = (
        _say_classes(classes, found.source),
        _say_parts(parts, described, division),
        *([f"Tables: {quoted(sorted(read_names))}"] if tables else []),
        *([f"Left out: {said}; faults.csv names them"] if (said := say_left_out(faults)) else []),
        *_say_notes(notes),
    )
    return Layout(tuple(described.names), tuple(classes), tuple(parts), tuple(faults), report)


def _no_images(where: str, faults: list[Fault], others: list[str], kind: FileKind) -> DataError:
    beside = say_left_out([*faults, *(Fault(name, "ending") for name in others)])
    return DataError(
        where,
        found=f"no {kind.noun} files" + (f", but {beside}" if beside else ""),
        expected=f"files that end in {', '.join(sorted(kind.endings()))}",
        remedy="Check the path in the parameter data.",
    )


def _own_tables(folders: set[Folder], others: list[str], read: Callable[[str], bytes], where: str) -> list[Table]:
    """Returns the tables in the folders that contain all images, or else in those of their parts."""
    above = ["/".join(min(folders)[:depth]) for depth in range(shared_depth(folders) + 1)]
    names = chosen_tables(others, above, where)
    if not names and isinstance(division := divide(folders), Division):
        names = chosen_tables(others, ["/".join(place) for place in division.place.values()], where)
    return [open_table(name, read(name), where) for name in names]


def _described(images: list[str], tables: list[Table], label: str, where: str) -> Described:
    if not tables:
        if label:
            raise DataError(
                "label",
                found=f"{label}, and no table in {where} that is read",
                expected="a table that has this column",
                remedy="Bring a labels.csv, name a table with the parameter attributes, or leave out label.",
            )
        return Described(images, [], [])
    found = [describe(table, _below(images, table.folder), label) for table in tables]
    return Described(
        names=[name for some in found for name in some.names],
        classes=[name for some in found for name in some.classes] if all(some.classes for some in found) else [],
        parts=[part for some in found for part in some.parts] if all(some.parts for some in found) else [],
        column=found[0].column,
        notes=tuple(dict.fromkeys(note for some in found for note in some.notes)),
        source=quoted(table.name for table in tables),
    )


def _below(images: list[str], folder: str) -> list[str]:
    return [name for name in images if name.startswith(f"{folder}/")] if folder else images


def _division(described: Described, folders: set[Folder], where: str) -> Division:
    division = divide(sorted(folders))
    if isinstance(division, Division):
        return division
    if described.parts and all(described.parts):
        return Division({}, {}, {folder: folder for folder in folders})
    raise division.error(where)


def _parts(described: Described, folders: list[Folder], division: Division, where: str) -> list[str]:
    """Returns the part of each image, by the table or else by its folder; nothing if none is declared."""
    if not division.part:
        return described.parts
    by_folder = [division.part[folder] for folder in folders]
    by_table = described.parts or [""] * len(by_folder)
    for name, one, other in zip(described.names, by_table, by_folder, strict=True):
        if one and one != other and "train" in (one, other):
            raise DataError(
                where,
                found=f"images whose folder says {other} while the table says {one}, such as {name}",
                expected="one part for every image",
                remedy="Correct the column split of the table, or remove it and keep the folders.",
            )
    return [one or other for one, other in zip(by_table, by_folder, strict=True)]


def _notes_on_tables(unread: list[str], folders: set[Folder]) -> list[str]:
    depth = shared_depth(folders)
    tables = [name for name in unread if name.lower().endswith(_TABLE_LIKE) and name.count("/") <= depth]
    if not tables:
        return []
    return [f"{quoted(tables)} isn't read. The parameters attributes (with label) and split_list read such tables."]


def _say_classes(classes: list[str], source: str) -> str:
    counts = Counter(classes)
    if len(counts) < 2:
        return "Classes: none"
    sizes = quoted(f"{name} ({count:,})" for name, count in sorted(counts.items()))
    return f"{len(counts):,} classes from {source}: {sizes}"


def _say_parts(parts: list[str], described: Described, division: Division) -> str:
    counts = Counter(parts)
    if not any(counts):
        return "Parts: none are declared by the files"
    sizes = {part: f"{count:,}" for part, count in sorted(counts.items())}
    if any(described.parts):
        return "Parts from the table: " + ", ".join(f"{part or 'undeclared'} ({size})" for part, size in sizes.items())
    places = {part: {"/".join(division.place[f]) for f, own in division.part.items() if own == part} for part in sizes}
    return "Parts: " + "; ".join(f"{part} ({size}) from {quoted(sorted(places[part]))}" for part, size in sizes.items())


def _say_notes(notes: list[str]) -> list[str]:
    more = (
        [f"Note: There are {len(notes) - _MOST_NOTES + 1} more notes like these."] if len(notes) > _MOST_NOTES else []
    )
    return [f"Note: {note}" for note in notes[: _MOST_NOTES - len(more)]] + more
