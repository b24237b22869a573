import sys

import pytest

from lds_mlflow.errors import ConfigError
from lds_mlflow.machine.packages import require_packages


def test_packages_that_are_there_are_not_asked_for() -> None:
    require_packages("sound", {"numpy": "numpy", "yaml": "pyyaml"})


def test_what_is_missing_is_named_with_the_command_that_installs_it() -> None:
    with pytest.raises(ConfigError) as refused:
        require_packages("sound", {"numpy": "numpy", "no_such_module": "its-package"}, options="--no-deps")
    error = refused.value
    assert (error.what, error.found) == ("sound", "a Python without its-package")
    assert error.remedy == f"Run: uv pip install --python {sys.executable} --no-deps its-package"
