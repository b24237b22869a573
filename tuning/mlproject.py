"""MLproject with all entry points: `python -m tuning.mlproject > MLproject`."""

import sys

from lds_mlflow.graph import ENTRY_POINTS, parameters
from lds_mlflow.mlproject import mlproject
from tuning.entry import PARAMETERS, TUNE

__all__ = ["whole_mlproject"]


def whole_mlproject() -> str:
    """Returns the text of the project's MLproject file."""
    steps = {name: ("lds_mlflow", parameters(name)) for name in ENTRY_POINTS}
    return mlproject({**steps, TUNE: ("tuning", PARAMETERS)})


if __name__ == "__main__":
    sys.stdout.write(whole_mlproject())
