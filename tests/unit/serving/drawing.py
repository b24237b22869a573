"""What is asked of a sampler, and what comes out."""

import base64
import io
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from lds_mlflow.serving.sampler import Sampler

__all__ = ["images_of", "pixels_of", "rows_of"]


def rows_of(*seeds: Any) -> pd.DataFrame:
    """Returns a request of one sample a seed."""
    return pd.DataFrame({"seed": list(seeds)})


def images_of(sampler: Sampler, *seeds: int, **params: Any) -> list[str]:
    """Returns the images of some seeds, each a PNG in base64."""
    return [str(image) for image in sampler.predict(rows_of(*seeds), params)["image"]]


def pixels_of(image: str) -> np.ndarray[Any, Any]:
    """Returns the pixels of a PNG in base64, [H, W] or [H, W, C]."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(image, validate=True))))
