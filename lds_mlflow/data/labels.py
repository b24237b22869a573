"""The names of classes: written in one way, and checked before anything is trained on them."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence

from lds_mlflow.errors import DataError, quoted

__all__ = ["composed", "is_no_class", "tidy", "tidy_classes"]

_INVISIBLE = "\u200b\u200e\u200f\u2060\ufeff"
"""Marks without width that programs leave at the ends of a text."""
_FEW_CLASSES = 10
_MANY_NUMBERS = 20
_LONGEST = 200


def composed(text: str) -> str:
    """Returns a text whose letters with accents are single characters (NFC): macOS writes file names in two."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def tidy(text: str) -> str:
    """Returns a text without what nobody sees: blanks and invisible marks at its ends, and runs of blanks."""
    return " ".join(composed(text).strip(_INVISIBLE).split()).strip(_INVISIBLE)


def tidy_classes(classes: Sequence[str], where: str) -> list[str]:
    """Returns the class of each image, where names that look the same are the same.

    Args:
        classes: The class of each image, as it is written.
        where: What to call their source in a message.

    Raises:
        DataError: Two classes differ only in capital letters, or the name of one is as long as a text.
    """
    tidied = {name: tidy(name) for name in dict.fromkeys(classes)}
    by_letters: dict[str, set[str]] = defaultdict(set)
    for name in tidied.values():
        by_letters[name.casefold()].add(name)
    alike = [name for names in by_letters.values() if len(names) > 1 for name in sorted(names)]
    if alike:
        raise DataError(
            where,
            found=f"classes that differ only in capital letters: {quoted(alike)}",
            expected="one spelling of every class",
            remedy="Write these classes alike if they are one, or give them names that differ in more.",
        )
    long = next((name for name in tidied.values() if len(name) > _LONGEST), None)
    if long is not None:
        raise DataError(
            where,
            found=f"a class whose name has {len(long):,} characters: {long}",
            expected=f"names of at most {_LONGEST} characters",
            remedy="Name the column of the class with the parameter label, or correct the table.",
        )
    return [tidied[name] for name in classes]


def is_no_class(cells: Iterable[str]) -> str:
    """Returns why the cells of a column can't be classes, in words, or "" if they can."""
    cells = list(cells)
    different = set(cells)
    if len(different) > _FEW_CLASSES and 2 * len(different) > len(cells):
        return f"{len(different):,} different values for {len(cells):,} images"
    if len(different) > _MANY_NUMBERS and _are_fractions(different):
        return f"{len(different):,} different numbers with fractions"
    return ""


def _are_fractions(cells: set[str]) -> bool:
    try:
        return any(not float(cell).is_integer() for cell in cells)
    except ValueError:
        return False
