"""Kinds of files that hold examples: by their endings a folder's files are told from others."""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from PIL import Image

__all__ = ["PICTURES", "FileKind"]

_NO_PICTURES = {"BUFR", "EPS", "FLI", "GRIB", "HDF5", "IPTC", "MPEG", "PDF", "WMF"}
"""Formats that Pillow knows but that are documents, films or data, or need another program to be read."""


class FileKind(NamedTuple):
    """A kind of files.

    Attributes:
        noun: What such a file is called, such as "image".
        one: The noun with its article.
        endings: Returns the endings of such files, in small letters, such as ".png".
        named_by_class: Whether the parts of names like 3_theo_12.wav are taken for classes where nothing else says any.
    """

    noun: str
    one: str
    endings: Callable[[], frozenset[str]]
    named_by_class: bool = False


@cache
def _readable_by_pillow() -> frozenset[str]:
    # Pillow asks the formats in the order of their registration: the frequent ones come first.
    Image.preinit()
    Image.init()
    formats = Image.OPEN.keys() - _NO_PICTURES
    return frozenset(ending for ending, form in Image.registered_extensions().items() if form in formats)


PICTURES = FileKind("image", "an image", _readable_by_pillow)
"""The images that Pillow reads."""
