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
from lds_mlflow.sampling import decode_latents, latents_of_seeds
from lds_mlflow.store import load_value
from lds_mlflow.vae import VAE
from lds_mlflow.values import ModelWeights

__all__ = ["DEFAULT_TRUNCATION", "Sampler", "png_of"]

DEFAULT_TRUNCATION = 1.0
_LARGEST_SEED = 2**63 - 1


class Sampler:
    """Draws images from a model.

    Args:
        model: The model.
    """

    def __init__(self, model: VAE) -> None:
        self.model = model

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Draws one image for every row.

        Args:
            model_input: A column `seed` of integers, 0 or above.
            params: `truncation`, the scale of the latents: above 0, at most 2.

        Returns:
            Columns `seed` and `image`, a PNG in base64.

        Raises:
            DataError: A seed or the truncation is out of range.
        """
        truncation = _truncation((params or {}).get("truncation", DEFAULT_TRUNCATION))
        seeds = _seeds(model_input)
        z = latents_of_seeds(seeds, self.model.spec.latent_dim, truncation=truncation)
        images = decode_latents(self.model, z)
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
        expected="one integer of 0 or above in every row",
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
    # MLflow calls this when it loads the model; `path` is the folder of the stored weights.
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return Sampler(VAE.from_weights(load_value(ModelWeights, Path(path))).to(device))
