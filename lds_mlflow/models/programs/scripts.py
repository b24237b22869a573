"""Whether a TorchScript program only computes, by its code, before torch opens it.

TorchScript runs in torch's own interpreter, which knows nothing of Python, and its objects are read in C++. But its
code may be executed as soon as it is opened, and it can save tensors to files, map files into memory, call other
machines, and use classes and operators of whatever libraries are loaded. So the words for these may stand nowhere in
the code, and nothing that would hide one: a comment within a name, or a name that is put together of texts.
"""

import io
import re
import tokenize
import zipfile
from itertools import pairwise

from lds_mlflow.errors import quoted

__all__ = ["require_computation"]

_MEMBERS = re.compile(
    r"version|byteorder|\.data/[\w.-]+|\.format_version|\.storage_alignment|(data|constants|traced_inputs)(\.pkl|/\d+)"
    r"|code/[\w./-]+\.py(\.debug_pkl)?|extra/[\w./-]*",
    re.ASCII,
)
_CODE = re.compile(r"code/.*\.py")
_PICKLE = re.compile(r"\w+\.pkl")
_FORBIDDEN = re.compile(r"\b(?:save|from_file|rpc_\w+|remote|classes)\b|\bops\b(?!\.(?:aten|prims?)\.)(?:\.\w+)?")
_CLASSES = re.compile(rb"\bclasses\b")
_HARMLESS = re.compile(r"\\[abfnrtv'\"\\]")
"""Escapes that stand for no letter."""


def require_computation(content: bytes) -> None:
    """Checks the content of a TorchScript file.

    Raises:
        ValueError: It is no TorchScript, or does more than compute; the message says what.
        zipfile.BadZipFile: It is no archive.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name.partition("/")[2]: name for name in archive.namelist()}
        codes = [archive.read(whole).decode() for name, whole in members.items() if _CODE.fullmatch(name)]
        objects = [archive.read(whole) for name, whole in members.items() if _PICKLE.fullmatch(name)]
    if not codes:
        raise ValueError("an archive without TorchScript, such as pickled weights")
    others = [name for name in members if not _MEMBERS.fullmatch(name)]
    if others:
        raise ValueError(f"records that TorchScript doesn't have ({quoted(others)})")
    found = [word for code in codes for word in (*_FORBIDDEN.findall(code), *_hiding(code))]
    found += ["classes" for content in objects if _CLASSES.search(content)]
    if found:
        raise ValueError(f"TorchScript that does more than compute ({quoted(dict.fromkeys(found))})")


def _hiding(code: str) -> list[str]:
    """Returns what could hide a word in a file of code."""
    try:
        tokens = [token for token in tokenize.generate_tokens(io.StringIO(code).readline) if token.string.strip()]
    except (tokenize.TokenError, SyntaxError):
        return ["code that is no TorchScript"]
    found = ["a comment" for token in tokens if token.type == tokenize.COMMENT]
    # getattr takes a name as a text, which may be written in parts, or its letters as numbers.
    if "getattr" in code:
        found += ["texts that are put together" for two in pairwise(tokens) if all(map(_is_text, two))]
        found += ["a text with numbers of letters" for token in tokens if _is_text(token) and _is_escaped(token.string)]
    return found


def _is_text(token: tokenize.TokenInfo) -> bool:
    return token.type == tokenize.STRING


def _is_escaped(text: str) -> bool:
    return "\\" in _HARMLESS.sub("", text)
