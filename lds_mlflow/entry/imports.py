"""Which modules of a package a module imports, directly or through others, read from the source alone."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from lds_mlflow.entry.source import read_source

__all__ = ["THIS_PACKAGE", "Package"]

THIS_PACKAGE = Path(__file__).parents[1]
"""The folder of the package that this module is in."""

_INIT = "__init__"


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
            for name in read_source(self.sources[module], module).names:
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
            passed_on = read_source(self.sources[init], init).passed_on
            if last in passed_on:
                yield from self._defining(passed_on[last], seen | {name})
            else:
                yield init
        elif room:
            # A class or a constant of a module, or an attribute of one.
            yield from self._defining(room, seen | {name})
