"""Which modules of a package a module imports, directly or through others, read from the source alone."""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Self

__all__ = ["THIS_PACKAGE", "Package"]

THIS_PACKAGE = Path(__file__).parents[1]
"""The folder of the package that this module is in."""

_INIT = "__init__"
_DOTTED_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+(:[A-Za-z_]\w*)?")


@dataclass(frozen=True, slots=True)
class Package:
    """The source of a package, module by module.

    Attributes:
        sources: The text of every module, by its full name; a folder's `__init__` ends in `.__init__`.
    """

    sources: Mapping[str, str]

    @classmethod
    def read(cls, folder: Path = THIS_PACKAGE) -> Self:
        """Reads every module below a folder, whose name is the package's."""
        return cls(
            {
                ".".join(path.relative_to(folder.parent).with_suffix("").parts): path.read_text(encoding="utf-8")
                for path in sorted(folder.rglob("*.py"))
            }
        )

    def below(self, name: str) -> list[str]:
        """Returns all modules of a folder of the package, by the folder's full name."""
        return [module for module in self.sources if module.startswith(f"{name}.")]

    def imported_by(self, modules: Iterable[str], leaving_out: tuple[str, ...] = ()) -> list[str]:
        """Returns some modules and every module of the package that they import, transitively and sorted.

        A name that an `__init__` only passes on counts as imported from the module that defines it, so that
        `from lds_mlflow.latent import select` reaches one module of that folder and not all of them. A module that a
        string names, as `import_module` takes it or as MODULE:NAME, counts too.

        Args:
            modules: Full names of the modules to begin with.
            leaving_out: Full names of modules and folders that are not followed.

        Raises:
            KeyError: The package has no such module.
        """
        reached: set[str] = set()
        waiting = list(modules)
        while waiting:
            module = waiting.pop()
            if module in reached or any(module == name or module.startswith(f"{name}.") for name in leaving_out):
                continue
            reached.add(module)
            for name in _names_in(self.sources[module], module):
                waiting += self._defining(name)
        return sorted(reached)

    def _defining(self, name: str, seen: frozenset[str] = frozenset()) -> Iterator[str]:
        """Yields the module that a dotted name stands for, or that defines what the name stands for."""
        if name in seen:
            return
        room, _, last = name.rpartition(".")
        init = f"{room}.{_INIT}"
        if name in self.sources:
            yield name
        elif f"{name}.{_INIT}" in self.sources:
            yield f"{name}.{_INIT}"
        elif init in self.sources:
            passed_on = _passed_on(self.sources[init], init)
            if last in passed_on:
                yield from self._defining(passed_on[last], seen | {name})
            else:
                yield init
        elif room:
            # A class or a constant of a module, or an attribute of one.
            yield from self._defining(room, seen | {name})


@cache
def _names_in(source: str, module: str) -> tuple[str, ...]:
    """Returns the dotted names of what a module may import: of modules, and of what it takes from them."""
    found: dict[str, None] = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            found |= dict.fromkeys(f"{_origin(node, module)}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            found |= dict.fromkeys(alias.name for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _DOTTED_NAME.fullmatch(node.value):
            found[node.value.replace(":", ".")] = None
    return tuple(found)


@cache
def _passed_on(source: str, module: str) -> dict[str, str]:
    """Returns the names that an `__init__` imports, each with the dotted name that it stands for."""
    return {
        alias.asname or alias.name: f"{_origin(node, module)}.{alias.name}"
        for node in ast.parse(source).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def _origin(node: ast.ImportFrom, module: str) -> str:
    """Returns the full name of the module that a `from` imports from, written out where it is relative."""
    above = module.split(".")[: -node.level] if node.level else []
    return ".".join([*above, *([node.module] if node.module else [])])
