"""What is wrong with examples that can't be used, and what is said of it."""

import struct
from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

from lds_mlflow.errors import DataError

__all__ = [
    "LEFT_OUT",
    "MOST_PIXELS",
    "MOST_TOKENS",
    "UNREADABLE",
    "Fault",
    "FaultKind",
    "UnusableError",
    "require_few",
    "require_usable",
]

MOST_PIXELS = 2**26
"""Of a picture. A small file can hold one that takes all memory; more than this no camera's has."""

MOST_TOKENS = 120
"""Of a molecule. Longer ones are rare, and each would make all training steps longer."""

UNREADABLE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    ArithmeticError,
    RuntimeError,
    struct.error,
)
"""What Pillow raises where a file isn't what it says."""

FaultKind = Literal[
    "corrupt",
    "huge",
    "locked",
    "method",
    "link",
    "silent",
    "short",
    "long",
    "mode",
    "range",
    "form",
    "copy",
    "hidden",
    "ending",
    "unlisted",
    "unassigned",
    "smiles",
    "selfies",
    "tokens",
]

_NAMED_AT_MOST = 5


class Fault(NamedTuple):
    """What is wrong with a picture.

    Attributes:
        name: The picture.
        kind: "corrupt": it can't be decoded; "huge": it has too many pixels; "locked": it needs a password; "method":
            it is compressed in a way that isn't read; "link": it is a symbolic link in an archive, or one that leads
            nowhere or in a circle; "silent", "short" and "long": a sound without sound, of less than a window, and of
            more than ten minutes; "mode": there is no rule for its kind of pixels; "range": there is no rule for its
            values; "form": it is of another size or mode than the first; "copy": it is a copy of another picture;
            "hidden": it is a hidden or system file; "ending": its ending is no picture's; "unlisted": the table of the
            pictures has no row for it; "unassigned": a list of parts names other pictures and not this one;
            "smiles": RDKit can't read the molecule; "selfies": SELFIES can't write it; "tokens": it has too many of
            them.
        detail: Its mode, form, range, method or target, or what it is a copy of.
    """

    name: str
    kind: FaultKind
    detail: str = ""


class UnusableError(Exception):
    """A picture can't be used, for a reason that is known.

    Args:
        kind: The kind of its fault.
        detail: The detail of its fault.
    """

    def __init__(self, kind: FaultKind, detail: str = "") -> None:
        self.kind, self.detail = kind, detail
        super().__init__(kind, detail)


class _Words(NamedTuple):
    found: str
    expected: str
    remedy: str


LEFT_OUT: dict[FaultKind, _Words] = {
    "corrupt": _Words(
        "files that can't be decoded", "{noun} files that can be decoded", "Repair or remove these files."
    ),
    "locked": _Words(
        "files that need a password",
        "files without a password",
        "Unpack the archive with its password, and give the folder.",
    ),
    "method": _Words(
        "files compressed by a method that is not read here",
        "files without compression, or with deflate, bzip2 or LZMA",
        "Unpack the archive with the program that made it, and give the folder.",
    ),
    "link": _Words(
        "symbolic links in an archive, which are not followed",
        "files",
        "Pack the files that the links point to, or unpack the archive and give the folder.",
    ),
    "huge": _Words(
        f"files with more than {MOST_PIXELS / 1e6:.0f} million pixels",
        "images that fit in memory",
        "Make these images smaller, or remove them.",
    ),
    "silent": _Words("files of silence", "files with sound", "Remove these files."),
    "short": _Words(
        "files that are shorter than a window", "files of at least 32 ms of sound", "Remove these files, or join them."
    ),
    "long": _Words("files of more than ten minutes", "clips of single sounds", "Cut these files into clips."),
    "smiles": _Words("SMILES that RDKit can't read", "SMILES of molecules", "Correct or remove these lines."),
    "selfies": _Words(
        "molecules that SELFIES can't write", "molecules whose bonds SELFIES allows", "Remove these molecules."
    ),
    "tokens": _Words(
        f"molecules with more than {MOST_TOKENS} tokens",
        f"molecules of at most {MOST_TOKENS} tokens (about as many atoms and branches)",
        "Remove these molecules, or raise tolerated.",
    ),
}
"""The kinds of faults that are left out up to a share, and what is said of more."""

_CONVERTED = "Convert these images, or give channels=1 or channels=3 to have all images converted."
_SCALED = "Scale all images by one factor to integers from 0 to 255, and save them with 8 bits."


def require_usable(
    faults: Sequence[Fault],
    n: int,
    *,
    first: str,
    form: tuple[int, ...] | None,
    source: str,
    tolerated: float,
    noun: str = "image",
) -> None:
    """Fails where a picture has no rule, or is unlike the others, or too many can't be used.

    Args:
        faults: What is wrong with pictures.
        n: Number of all pictures.
        first: The first picture that can be used.
        form: Channels, height and width of that one; None if there is none.
        source: What to call the whole in a message.
        tolerated: Share of the pictures that may be left out.
        noun: What the files are called.

    Raises:
        DataError: There are such faults.
    """
    of_kind = {kind: [fault for fault in faults if fault.kind == kind] for kind in get_args(FaultKind)}
    _require_rule(of_kind["mode"], "mode", "mode L (grey) or RGB (colour)", _CONVERTED, source)
    _require_rule(of_kind["range"], "values", "integers from 0 to 65,535, or fractions from 0 to 1", _SCALED, source)
    _require_one_form(of_kind["form"], first, form, source)
    unusable = [fault for kind in LEFT_OUT for fault in of_kind[kind]]
    require_few(unusable, n, source=source, tolerated=tolerated, noun=noun, is_empty=form is None)


def require_few(
    faults: Sequence[Fault], n: int, *, source: str, tolerated: float, noun: str, is_empty: bool = False
) -> None:
    """Fails where too many examples can't be used.

    Args:
        faults: What is wrong with those that can't be used, of the kinds of LEFT_OUT.
        n: Number of all examples.
        source: What to call the whole in a message.
        tolerated: Share of the examples that may be left out.
        noun: What the examples, or their files, are called.
        is_empty: Whether none is left.

    Raises:
        DataError: More can't be used, or none is left.
    """
    if len(faults) <= tolerated * n and not is_empty:
        return
    kinds = [fault.kind for fault in faults]
    kind = max(LEFT_OUT, key=kinds.count)
    of_kind = [fault for fault in faults if fault.kind == kind]
    words, details = LEFT_OUT[kind], _details(of_kind)
    raise DataError(
        f"{'images' if noun == 'image' else noun} of {source}",
        found=f"{words.found}{f': {details}' if details else ''} ({len(of_kind)} in all): {_some(of_kind)}",
        expected=words.expected.format(noun=noun)
        + (f", except for at most {tolerated:.1%}, which are left out" if tolerated else ""),
        remedy=words.remedy,
    )


def _require_rule(faults: list[Fault], what: str, expected: str, remedy: str, source: str) -> None:
    if not faults:
        return
    raise DataError(
        f"image{'s' if len(faults) > 1 else ''} {_some(faults)} of {source}",
        found=f"{what} {_details(faults)}",
        expected=expected,
        remedy=remedy,
    )


def _require_one_form(faults: list[Fault], first: str, form: tuple[int, ...] | None, source: str) -> None:
    if not faults or form is None:
        return
    depth, height, width = form
    raise DataError(
        f"images of {source}",
        found=f"images of another size or mode than {first}, such as {faults[0].name} "
        f"({faults[0].detail}); {len(faults)} in all: {_some(faults)}",
        expected=f"images of {width}x{height} pixels with {depth} channels",
        remedy="Remove these images, or give resolution and channels to bring all images to one form.",
    )


def _details(faults: list[Fault]) -> str:
    details = sorted({fault.detail for fault in faults if fault.detail})
    return ", ".join(details[:_NAMED_AT_MOST]) + (" and others" if len(details) > _NAMED_AT_MOST else "")


def _some(faults: list[Fault]) -> str:
    rest = len(faults) - _NAMED_AT_MOST
    return ", ".join(fault.name for fault in faults[:_NAMED_AT_MOST]) + (f" and {rest} more" if rest > 0 else "")
