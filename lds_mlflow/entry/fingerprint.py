"""Fingerprints: equal ones stand for equal results."""

import ast
import json
from collections.abc import Mapping
from functools import cache

from lds_mlflow.config import StepConfig
from lds_mlflow.entry.graph import Step
from lds_mlflow.entry.imports import imported_modules, path_of
from lds_mlflow.machine.files import digest_of_bytes

__all__ = ["code_digest", "fingerprint_of", "modules_behind"]

_NOT_FOLLOWED = ("lds_mlflow.tracking",)
"""The room that stores and logs what a step hands to it; how it does so changes no result."""


def fingerprint_of(step: Step, config: StepConfig, inputs: Mapping[str, str], outside: str) -> str:
    """Returns the fingerprint of a step's result, SHA-256.

    Args:
        step: The step.
        config: Its parameters. Those that name upstream runs don't count, but the results of those runs do.
        inputs: Digest of the result of every step that it reads from, by name.
        outside: Digest of what it reads from outside the pipeline, or "".
    """
    identity = {
        "step": step.name,
        "config": config.model_dump(mode="json", exclude=step.references),
        "inputs": dict(sorted(inputs.items())),
        "outside": outside,
        "code": code_digest((step.module,)),
    }
    return digest_of_bytes(json.dumps(identity, sort_keys=True).encode())


def code_digest(modules: tuple[str, ...]) -> str:
    """Returns the digest of what modules do, and all that they import: comments and docstrings don't count."""
    return digest_of_bytes(*(_meaning(module) for module in modules_behind(modules)))


def modules_behind(modules: tuple[str, ...]) -> list[str]:
    """Returns the modules of the package whose code the results of some modules depend on, those included."""
    return imported_modules(modules, leaving_out=_NOT_FOLLOWED)


@cache
def _meaning(module: str) -> bytes:
    path = path_of(module)
    assert path is not None, module
    tree = _without_docstrings(ast.parse(path.read_text(encoding="utf-8")))
    return f"{module} {ast.dump(tree)}".encode()


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            node.body = [statement for statement in node.body if not _is_text(statement)]
    return tree


def _is_text(statement: ast.stmt) -> bool:
    # The docstring of a module, class, function or attribute.
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )
