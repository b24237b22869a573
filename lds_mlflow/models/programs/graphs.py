"""Whether an exported program (.pt2) is nothing but a graph, by what its files say, before torch opens it.

torch.export.load trusts a file: it unpickles objects, evaluates the sizes of tensors as Python, imports modules that a
structure of arguments names, looks operators up by any name below `torch`, loads compiled libraries, and writes the
names of nodes into Python code that it runs. So each of these texts is held to a list of what may stand there.
"""

import ast
import io
import json
import re
import zipfile
from collections.abc import Iterator
from typing import Any

from lds_mlflow.errors import quoted

__all__ = ["require_graph"]

_MEMBERS = re.compile(
    r"archive_format|archive_version|byteorder|version|\.data/[\w.-]+|\.format_version|\.storage_alignment"
    r"|models/[\w-]+\.json|data/weights/(weight_\d+|[\w-]+_config\.json|[\w-]+\.pt)"
    r"|data/constants/(tensor_\d+|[\w-]+_config\.json|[\w-]+\.pt)|data/sample_inputs/[\w-]+\.pt|extra/[\w./-]*",
    re.ASCII,
)
_GRAPH = re.compile(r"models/[\w-]+\.json", re.ASCII)

_OPERATORS = re.compile(
    r"torch\.ops\.(aten|prims)\.(?!(?:from_file|save)\b)\w+\.\w+"
    r"|torch\.ops\.higher_order\.(cond|wrap_with_set_grad_enabled|wrap_with_autocast)"
    r"|torch\.sym_(int|float|max|min|not|sum|ite)|torch\._sym_\w+|math\.(ceil|floor|trunc|sqrt)"
    r"|_operator\.(add|sub|mul|floordiv|truediv|mod|pow|neg|getitem|eq|ne|lt|le|gt|ge|and_|or_|not_)"
)
"""Operators that compute. Of ATen's, `from_file` and `save` open files: no other has an argument that names one."""

_LENGTH = re.compile(r"L\['\w+'\](\[\d+\])*\.size\(\)\[\d+\]")
"""The length of an input, as conditions on the inputs name it."""

_NAME = re.compile(r"[\w.+-]*")
_STRUCTURES = ("builtins.tuple", "builtins.list", "builtins.dict", None)
_NODES_AND_MODULES = ("nodes", "graph_module")
_VALUES = "_values"
"""How the keys end under which a graph describes its values, by names that its author chooses."""

_KEYS = re.compile(r'null|\[("\w*"(, ?)?)*\]')
_SYMBOL = re.compile(
    r"[suz]\d+|oo|int_oo|True|False|"
    + "|".join(
        (
            *(
                "Symbol",
                "Integer",
                "Float",
                "Rational",
                "NegativeOne",
                "One",
                "Zero",
                "Half",
                "Add",
                "Mul",
                "Pow",
                "Max",
                "Min",
            ),
            *(
                "Mod",
                "PythonMod",
                "FloorDiv",
                "CeilDiv",
                "CleanDiv",
                "IntTrueDiv",
                "FloatTrueDiv",
                "ModularIndexing",
                "Where",
            ),
            *(
                "CeilToInt",
                "FloorToInt",
                "TruncToInt",
                "ToFloat",
                "IsNonOverlappingAndDenseIndicator",
                "Identity",
                "Piecewise",
            ),
            *("Eq", "Ne", "Equality", "Unequality", "GreaterThan", "StrictGreaterThan", "LessThan", "StrictLessThan"),
            *("And", "Or", "Not"),
        )
    )
)
_ARITHMETIC = (
    *(ast.Expression, ast.Call, ast.keyword, ast.Constant, ast.Name, ast.Load, ast.UnaryOp, ast.BinOp, ast.Compare),
    *(ast.operator, ast.unaryop, ast.cmpop),
)


def require_graph(content: bytes) -> None:
    """Checks the content of a .pt2 file.

    Raises:
        ValueError: It holds something that is no graph; the message says what.
        zipfile.BadZipFile: It is no archive.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name.partition("/")[2]: name for name in archive.namelist() if not name.endswith("/")}
        others = [name for name in members if not _MEMBERS.fullmatch(name)]
        if others:
            raise ValueError(f"objects other than tensors and graphs ({quoted(others)})")
        graphs = [name for name in members if _GRAPH.fullmatch(name)]
        if len(graphs) != 1:
            raise ValueError(f"{len(graphs)} graphs")
        wrong = next(_not_allowed(json.loads(archive.read(members[graphs[0]])), ""), None)
    if wrong is not None:
        raise ValueError(f"something other than a graph: {quoted([wrong])}")


def _not_allowed(node: Any, key: str) -> Iterator[str]:
    """Yields the texts of a graph that are not what may stand under their keys."""
    if isinstance(node, dict):
        for name, value in node.items():
            if _is_free(name, node, key):
                continue
            if name in ("metadata", "as_string") or not _NAME.fullmatch(name):
                yield name
            yield from _not_allowed(value, name)
    elif isinstance(node, list):
        for value in node:
            yield from _not_allowed(value, key)
    elif isinstance(node, str) and not _is_allowed(node, key):
        yield node


def _is_free(name: str, node: dict[str, Any], key: str) -> bool:
    """Returns whether an entry of a dictionary, which stands under a key, is text that may be any."""
    # What a node remembers of its origin is kept as text, and a text that an operator is given is a value.
    if name == "metadata":
        return key in _NODES_AND_MODULES
    is_argument = len(node) == 1 and not key.endswith(_VALUES)
    return name == "as_string" and is_argument and isinstance(node[name], str)


def _is_allowed(text: str, key: str) -> bool:
    if key in ("target", "as_operator"):
        return _OPERATORS.fullmatch(text) is not None
    if key == "expr_str":
        return _is_arithmetic(text)
    if key == "guards_code":
        return _is_arithmetic(_LENGTH.sub("s0", text))
    if key in ("in_spec", "out_spec"):
        return not text or all(map(_is_plain, json.loads(text)[1:]))
    return _NAME.fullmatch(text) is not None


def _is_plain(structure: Any) -> bool:
    """Returns whether a structure of arguments is made of tuples, lists and dictionaries alone."""
    kind, keys, children = structure["type"], structure["context"], structure["children_spec"]
    return kind in _STRUCTURES and (keys is None or bool(_KEYS.fullmatch(keys))) and all(map(_is_plain, children))


def _is_arithmetic(text: str) -> bool:
    try:
        found = list(ast.walk(ast.parse(text, mode="eval")))
    except SyntaxError:
        return False
    return all(isinstance(node, _ARITHMETIC) and _is_known(node) for node in found)


def _is_known(node: ast.AST) -> bool:
    if isinstance(node, ast.Name):
        return _SYMBOL.fullmatch(node.id) is not None
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name)
    if isinstance(node, ast.Constant):
        # A symbol's name, or a number.
        return not isinstance(node.value, str) or _SYMBOL.fullmatch(node.value) is not None
    return True
