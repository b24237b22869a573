"""Which modules of the package a module imports, directly or through others, read from the source alone."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

__all__ = ["PACKAGE", "imported_modules", "path_of"]

PACKAGE = Path(__file__).parents[1]
"""The folder of the package."""


def imported_modules(roots: tuple[str, ...], leaving_out: tuple[str, ...] = (), folder: Path = PACKAGE) -> list[str]:
    """Returns modules and every module of the package that they import, transitively and sorted.

    A name that a package's `__init__` only passes on counts as imported from the module that defines it, so that
    `from lds_mlflow.latent import select` reaches one module of that room and not all of them. A module that is named
    in a string, as `import_module` takes it or as MODULE:NAME, counts too.

    Args:
        roots: Full names of the modules to begin with.
        leaving_out: Full names of modules and packages that are not followed.
        folder: The folder of the package; its name is the package's.
    """
    reached: set[str] = set()
    waiting = list(roots)
    while waiting:
        module = waiting.pop()
        if module in reached or any(module == name or module.startswith(f"{name}.") for name in leaving_out):
            continue
        reached.add(module)
        waiting += _imports_of(module, folder)
    return sorted(reached)


def path_of(module: str, folder: Path = PACKAGE) -> Path | None:
    """Returns the file of a module of the package, or None where the package has no such module."""
    package, *parts = module.split(".")
    if package != folder.name:
        return None
    place = folder.joinpath(*parts)
    candidates = (place.with_suffix(".py"), place / "__init__.py") if parts else (place / "__init__.py",)
    return next((path for path in candidates if path.is_file()), None)


@cache
def _imports_of(module: str, folder: Path) -> tuple[str, ...]:
    path = path_of(module, folder)
    assert path is not None, module
    return tuple(dict.fromkeys(_found_in(ast.parse(path.read_text(encoding="utf-8")), folder)))


def _found_in(tree: ast.Module, folder: Path) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                yield from _definition_of(node.module, alias.name, folder)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if path_of(alias.name, folder))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            # A table names what is imported when it is chosen as MODULE:NAME.
            module, _, _ = node.value.partition(":")
            is_module = module.startswith(f"{folder.name}.") and path_of(module, folder)
            yield from (module,) if is_module else ()


def _definition_of(module: str, name: str, folder: Path) -> Iterator[str]:
    """Yields the module that defines a name which is imported from another."""
    path = path_of(module, folder)
    if path is None:
        return
    if path_of(f"{module}.{name}", folder):
        yield f"{module}.{name}"
    elif path.name == "__init__.py" and name in _passed_on(path):
        yield from _definition_of(*_passed_on(path)[name], folder)
    else:
        yield module


@cache
def _passed_on(path: Path) -> dict[str, tuple[str, str]]:
    """Returns the names that an `__init__` imports, each with the module that it is from and its name there."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {
        alias.asname or alias.name: (node.module, alias.name)
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
