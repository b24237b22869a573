"""Whether a TorchScript program only computes, by its code, before torch opens it.

TorchScript runs in torch's own interpreter, which knows nothing of Python, and its objects are read in C++. But its
code may be executed as soon as it is opened, and it can save tensors to files, map files into memory, call other
machines, and use classes and operators of whatever libraries are loaded.
"""

import io
import re
import zipfile

from lds_mlflow.errors import quoted

__all__ = ["require_computation"]

_CODE = re.compile(r"[^/]+/code/.*\.py")
_PICKLE = re.compile(r"[^/]+/[^/]+\.pkl")
_FORBIDDEN = re.compile(r"\b(?:save|from_file|rpc_\w+|remote)\(|\btorch\.classes\b|\bops\.(?!aten\.|prim\.|prims\.)\w+")


def require_computation(content: bytes) -> None:
    """Checks the content of a TorchScript file.

    Raises:
        ValueError: It is no TorchScript, or does more than compute; the message says what.
        zipfile.BadZipFile: It is no archive.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = archive.namelist()
        codes = [archive.read(name).decode() for name in names if _CODE.fullmatch(name)]
        objects = [archive.read(name) for name in names if _PICKLE.fullmatch(name)]
    if not codes:
        raise ValueError("an archive without TorchScript, such as pickled weights")
    # The language allows blanks and line breaks between the parts of a name.
    called = [found.rstrip("(") for code in codes for found in _FORBIDDEN.findall(re.sub(r"[\s\\]", "", code))]
    called += ["torch.classes"] if any(b"torch.classes" in content for content in objects) else []
    if called:
        raise ValueError(f"TorchScript that does more than compute ({quoted(dict.fromkeys(called))})")
