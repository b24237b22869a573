"""The registered model: one row a seed in, one PNG a row out. It loads from safetensors and JSON alone."""

import base64
import io
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import Tensor

from lds_mlflow.errors import DataError
from lds_mlflow.samplers import draw_latents
from lds_mlflow.sampling import decode_latents
from lds_mlflow.store import load_value
from lds_mlflow.vae import VAE
from lds_mlflow.values import LatentDistribution, ModelWeights

__all__ = ["DEFAULT_TRUNCATION", "DISTRIBUTION", "WEIGHTS", "Sampler", "png_of"]

DEFAULT_TRUNCATION = 1.0
WEIGHTS, DISTRIBUTION = "weights", "distribution"
"""Folders of a registered model's two values."""

_LARGEST_SEED = 2**32 - 1
"""torch takes no more of a seed than 32 bits: larger ones would draw the images of smaller ones again."""


class Sampler:
    """Draws images from a model.

    Args:
        model: The model.
        distribution: What its latents are drawn from.
    """

    def __init__(self, model: VAE, distribution: LatentDistribution) -> None:
        self.model, self.distribution = model, distribution

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Draws one image for every row.

        Args:
            model_input: A column `seed` of integers, 0 to 2^32 - 1.
            params: `truncation`, the scale of the latents around their mean: above 0, at most 2.

        Returns:
            Columns `seed` and `image`, a PNG in base64.

        Raises:
            DataError: A seed or the truncation is out of range.
        """
        truncation = _truncation((params or {}).get("truncation", DEFAULT_TRUNCATION))
        seeds = _seeds(model_input)
        images = decode_latents(self.model, draw_latents(self.distribution, seeds, truncation=truncation))
        encoded = [base64.b64encode(png_of(image)).decode("ascii") for image in images]
        return pd.DataFrame({"seed": np.array(seeds, dtype=np.int64), "image": encoded})


def _truncation(given: Any) -> float:
    try:
        truncation = float(given)
    except (TypeError, ValueError):
        truncation = nan
    if 0 < truncation <= 2:
        return truncation
    raise DataError("truncation", found=f"{given}", expected="above 0, at most 2", remedy="1 is the model's own scale.")


def _seeds(rows: pd.DataFrame) -> list[int]:
    if "seed" not in rows.columns:
        found = f"columns {', '.join(map(str, rows.columns))}"
    elif rows.empty:
        found = "no rows"
    else:
        wrong = [seed for seed in rows["seed"] if not _is_seed(seed)]
        if not wrong:
            return [int(seed) for seed in rows["seed"]]
        found = f"{wrong[0]}"
    raise DataError(
        "column seed",
        found=found,
        expected="one integer from 0 to 2^32 - 1 in every row",
        remedy="Send one row an image.",
    )


def _is_seed(value: Any) -> bool:
    return isinstance(value, int | np.integer) and 0 <= int(value) <= _LARGEST_SEED


def png_of(image_CHW: Tensor) -> bytes:
    """Encodes one image, uint8 [C, H, W], as PNG."""
    array = image_CHW.permute(1, 2, 0).numpy()
    buffer = io.BytesIO()
    Image.fromarray(array.squeeze(-1) if array.shape[-1] == 1 else array).save(buffer, format="PNG")
    return buffer.getvalue()


def _load_pyfunc(path: str) -> Sampler:
    # MLflow calls this when it loads the model; `path` is the folder that the two values lie in.
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = VAE.from_weights(load_value(ModelWeights, Path(path) / WEIGHTS)).to(device)
    return Sampler(model, load_value(LatentDistribution, Path(path) / DISTRIBUTION))
