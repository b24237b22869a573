"""What a registered model is installed with is what its code imports."""

import ast
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

from lds_mlflow.tracking.registration import REQUIRED

LOADED = """
import sys
import lds_mlflow.tracking.pyfunc_model
for name, module in sorted(sys.modules.items()):
    if name.split(".")[0] == "lds_mlflow":
        print(module.__file__)
"""


def _imported_at_once(file: Path) -> set[str]:
    nodes = ast.parse(file.read_text()).body
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return {name.split(".")[0] for name in plain | {str(n.module) for n in nodes if isinstance(n, ast.ImportFrom)}}


def test_every_package_that_loading_a_model_imports_is_among_its_requirements() -> None:
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    imported = set().union(*(_imported_at_once(Path(file)) for file in done.stdout.split()))
    others = imported - set(sys.stdlib_module_names) - {"lds_mlflow"}
    packages = packages_distributions()
    found = {name: {package.lower().replace("_", "-") for package in packages[name]} for name in others}
    assert sorted(name for name, named in found.items() if not named & set(REQUIRED)) == []
