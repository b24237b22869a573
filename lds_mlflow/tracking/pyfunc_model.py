"""What MLflow loads of a registered model: the sampler, whose errors are answers with status 400 and a sentence."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.exceptions import MlflowException

from lds_mlflow.errors import LdsError
from lds_mlflow.serving.sampler import Sampler, load_sampler

__all__ = ["ServedSampler"]


class ServedSampler:
    """A sampler for MLflow.

    One thread loads the model and computes, with all cores, one request after the other. More at once would wait for
    one another in every convolution, and each would have helpers of its own, with which OpenMP crowds the cores.

    Args:
        folder: Where the values of the sampler lie.
    """

    def __init__(self, folder: Path) -> None:
        self._worker = ThreadPoolExecutor(1)
        self.sampler: Sampler = self._worker.submit(load_sampler, folder).result()

    def get_raw_model(self) -> Sampler:
        """Returns the sampler, as MLflow's own method of this name does."""
        return self.sampler

    def predict(self, model_input: Any, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Draws the samples that are asked for; see `Sampler.predict`.

        Raises:
            MlflowException: The request can't be answered as it is: invalid parameter, status 400.
        """
        try:
            return self.sampler.shown(self._worker.submit(self.sampler.draw, model_input, params).result())
        except LdsError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from None


def _load_pyfunc(path: str) -> ServedSampler:
    # MLflow calls this when it loads the model.
    return ServedSampler(Path(path))
