"""What MLflow loads of a registered model: the sampler, whose errors are answers with status 400 and a sentence."""

from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.exceptions import MlflowException

from lds_mlflow.errors import LdsError
from lds_mlflow.serving import Sampler, load_sampler

__all__ = ["Served"]


class Served:
    """A sampler for MLflow.

    Args:
        sampler: What draws the images.
    """

    def __init__(self, sampler: Sampler) -> None:
        self.sampler = sampler

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Draws one image for every row; see `Sampler.predict`.

        Raises:
            MlflowException: The request can't be answered as it is: invalid parameter, status 400.
        """
        try:
            return self.sampler.predict(model_input, params)
        except LdsError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from None


def _load_pyfunc(path: str) -> Served:
    # MLflow calls this when it loads the model.
    return Served(load_sampler(Path(path)))
