"""The house as its contracts draw it."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

from tests.places import ROOT


def test_the_import_contracts_hold() -> None:
    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == EXIT_STATUS_SUCCESS


@pytest.mark.parametrize("entry_point", ["finetune", "tune"])
def test_a_help_text_needs_neither_torch_nor_mlflow(entry_point: str) -> None:
    code = (
        "import sys; from lds_mlflow.__main__ import cli; "
        f"cli(['{entry_point}', '--help-all'], standalone_mode=False); "
        "heavy = {'torch', 'mlflow', 'torchvision', 'pandas', 'optuna'} & set(sys.modules); "
        "sys.exit(repr(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--finetune_variant" in done.stdout


def test_the_latent_room_runs_where_only_torch_and_numpy_are() -> None:
    code = (
        "import sys; import lds_mlflow.latent; "
        "heavy = {'mlflow', 'optuna', 'pydantic', 'click', 'torchvision', 'sklearn', 'pandas'} & set(sys.modules); "
        "sys.exit(repr(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _decides_something(module: Path) -> bool:
    """Whether a module has a function, or a class that is more than a protocol or a tuple of fields."""
    return any(
        isinstance(statement, ast.FunctionDef)
        or (isinstance(statement, ast.ClassDef) and not {"Protocol", "NamedTuple"} & set(_bases(statement)))
        for statement in ast.parse(module.read_text(encoding="utf-8")).body
    )


def _bases(defined: ast.ClassDef) -> list[str]:
    return [ast.unparse(base).partition("[")[0] for base in defined.bases]


def test_the_unit_tests_mirror_the_packages() -> None:
    missing = []
    for package, rooms in (("lds_mlflow", ROOT / "tests" / "unit"), ("tuning", ROOT / "tests" / "unit" / "tuning")):
        for module in sorted((ROOT / package).rglob("*.py")):
            place = module.relative_to(ROOT / package)
            # Tables of choices are held by a contract test of their own.
            if module.name == "__init__.py" or place.parts[0] == "choices" or not _decides_something(module):
                continue
            test = rooms / place.parent / f"test_{place.stem.strip('_')}.py"
            missing += [] if test.is_file() else [f"{package}/{place}"]
    assert missing == []
