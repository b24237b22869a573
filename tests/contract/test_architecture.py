"""The house as its contracts draw it."""

import subprocess
import sys

import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

from tests.places import ROOT


def test_the_import_contracts_hold() -> None:
    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == EXIT_STATUS_SUCCESS


@pytest.mark.parametrize(("package", "entry_point"), [("lds_mlflow", "finetune"), ("tuning", "tune")])
def test_a_help_text_needs_neither_torch_nor_mlflow(package: str, entry_point: str) -> None:
    code = (
        f"import sys; from {package}.__main__ import cli; cli(['{entry_point}', '--help'], standalone_mode=False); "
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
