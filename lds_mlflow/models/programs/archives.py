"""The archive of a program, written anew: what is checked is then what torch opens.

torch reads an archive by a reader of its own. That one finds names in upper or lower case, takes another record than
Python where two have one name, follows other offsets, and looks at what stands before the archive.
"""

import io
import zipfile
from collections import Counter

from lds_mlflow.errors import quoted

__all__ = ["written_anew"]


def written_anew(content: bytes) -> bytes:
    """Returns an archive with the records that Python finds in a given one, and nothing else.

    Raises:
        ValueError: Two records have one name, or there is more than one root folder.
        zipfile.BadZipFile: It is no archive, or damaged.
        RuntimeError: It is compressed by a method that Python lacks, or it is encrypted.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w") as new:
        names = [name for name in old.namelist() if not name.endswith("/")]
        _require_distinct(names)
        for name in names:
            new.writestr(name, old.read(name))
    return buffer.getvalue()


def _require_distinct(names: list[str]) -> None:
    count = Counter(map(str.casefold, names))
    twice = dict.fromkeys(name for name in names if count[name.casefold()] > 1)
    if twice:
        raise ValueError(f"an archive with records of the same name ({quoted(twice)})")
    roots = dict.fromkeys(name.partition("/")[0] for name in names)
    if len(roots) != 1:
        raise ValueError(f"an archive with {len(roots)} root folders ({quoted(roots)})")
