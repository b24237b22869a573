"""Fingerprints: equal ones stand for equal results."""

import ast
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from lds_mlflow.config import StepConfig
from lds_mlflow.files import digest_of_bytes
from lds_mlflow.graph import Step

__all__ = ["code_digest", "fingerprint_of"]

_PACKAGE = Path(__file__).parent


def fingerprint_of(step: Step, config: StepConfig, inputs: Mapping[str, str], outside: str) -> str:
    """Returns the fingerprint of a step's result, SHA-256.

    Args:
        step: The step.
        config: Its parameters; those that name upstream runs don't count, their results do.
        inputs: Digest of the result of every step that it reads from, by name.
        outside: Digest of what it reads from outside the pipeline, or "".
    """
    identity = {
        "step": step.name,
        "config": config.model_dump(mode="json", exclude=step.references),
        "inputs": dict(sorted(inputs.items())),
        "outside": outside,
        "code": code_digest((f"steps/{step.name}.py", *step.code)),
    }
    return digest_of_bytes(json.dumps(identity, sort_keys=True).encode())


def code_digest(places: tuple[str, ...]) -> str:
    """Returns the digest of what the code at some places of the package does: comments and docstrings don't count."""
    files = [file for place in sorted(places) for file in _python_files(_PACKAGE / place)]
    return digest_of_bytes(*(_meaning(file.read_text()) for file in files))


@cache
def _meaning(text: str) -> bytes:
    return ast.dump(_without_docstrings(ast.parse(text))).encode()


def _python_files(place: Path) -> list[Path]:
    return sorted(place.rglob("*.py")) if place.is_dir() else [place]


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
