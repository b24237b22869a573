"""Packages that only some uses need: what is missing, and the command that installs it."""

import sys
from collections.abc import Mapping
from importlib.util import find_spec

from lds_mlflow.errors import ConfigError, quoted

__all__ = ["require_packages"]


def require_packages(what: str, packages: Mapping[str, str], *, options: str = "") -> None:
    """Checks that packages are installed, without importing them.

    Args:
        what: What needs them, for the error.
        packages: The modules that are imported, each with the name of the package that has it.
        options: Further options of the command that installs them.

    Raises:
        ConfigError: One is missing; the error has the command that installs those that are.
    """
    missing = [package for module, package in packages.items() if find_spec(module) is None]
    if missing:
        raise ConfigError(
            what,
            found=f"a Python without {quoted(missing)}",
            expected=f"the packages {quoted(packages.values())}",
            remedy=f"Run: {' '.join(['uv pip install --python', sys.executable, *options.split(), *missing])}",
        )
