"""What a module's source says, without running it."""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

__all__ = ["Source", "read_source"]

_DOTTED_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+(:[A-Za-z_]\w*)?")


@dataclass(frozen=True, slots=True)
class Source:
    """What is known of a module.

    Attributes:
        names: The dotted names of what it may import: of modules, and of what it takes from them.
        passed_on: The names that it imports at its top, each with the dotted name that it stands for.
        meaning: Its code, without comments and docstrings.
    """

    names: tuple[str, ...]
    passed_on: Mapping[str, str]
    meaning: str


@cache
def read_source(source: str, module: str) -> Source:
    """Reads the text of a module, whose full name is given."""
    # Parsing takes longest of all that fingerprints need, so everything is read from one tree.
    tree = ast.parse(source)
    nodes = list(ast.walk(tree))
    names = tuple(dict.fromkeys(name for node in nodes for name in _names_in(node, module)))
    passed_on = {
        alias.asname or alias.name: f"{_origin(node, module)}.{alias.name}"
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    for node in nodes:
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [statement for statement in node.body if not _is_text(statement)]
    return Source(names, passed_on, ast.dump(tree))


def _names_in(node: ast.AST, module: str) -> Iterator[str]:
    if isinstance(node, ast.ImportFrom):
        yield from (f"{_origin(node, module)}.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _DOTTED_NAME.fullmatch(node.value):
        yield node.value.replace(":", ".")


def _origin(node: ast.ImportFrom, module: str) -> str:
    """Returns the full name of the module that a `from` imports from, written out where it is relative."""
    above = module.split(".")[: -node.level] if node.level else []
    return ".".join([*above, *([node.module] if node.module else [])])


def _is_text(statement: ast.stmt) -> bool:
    # The docstring of a module, class, function or attribute.
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )
