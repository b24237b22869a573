"""The registered model: one row a seed in, one image a row out. It loads from safetensors and JSON alone.

Beside the image stands how typical it is: log LDS of its latent under the model's own training latents (draft, section
3.2), and the share of the training latents that are less dense, each left out of its own density.
"""

import base64
import io
import zlib
from collections.abc import Callable, Mapping
from math import inf, isfinite
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import Tensor

from lds_mlflow.errors import DataError
from lds_mlflow.latent import leave_one_out_log_density, log_density
from lds_mlflow.models.coding import decode_latents
from lds_mlflow.models.stylegan import VAE
from lds_mlflow.samplers import draw_dense_latents
from lds_mlflow.store import load_value
from lds_mlflow.values import LatentDistribution, ModelWeights

__all__ = [
    "DEFAULTS",
    "DISTRIBUTIONS",
    "MOST_ROWS",
    "WEIGHTS",
    "Sampler",
    "load_sampler",
    "png_of",
    "with_densities",
]

WEIGHTS, DISTRIBUTIONS = "weights", ("chosen", "prior", "aggregate", "density")
"""Folders of a registered model's values. `chosen` is the distribution that it was registered with."""

MOST_ROWS = 256
"""Images of one request, at most."""

_LARGEST_SEED = 2**32 - 1
"""torch takes no more of a seed than 32 bits: larger ones would draw the images of smaller ones again."""

_SCORED_AT_ONCE = 32
"""Scores are computed in one shape, as images are: another may round the last bit another way."""

_COMPRESSION = {"compress_level": 1, "compress_type": zlib.Z_RLE}
"""Runs alone are looked for: of small images that takes two thirds of the time, and they get smaller."""

_FORMATS = ("png", "array")
_SORTED = "sorted_log_lds"


class _Options(NamedTuple):
    truncation: float = 1.0
    sampler: str = "chosen"
    format: str = "png"
    min_density: float = 0.0


class Drawn(NamedTuple):
    """Samples with the log LDS of each, and the format in which they are to be shown."""

    seeds: list[int]
    images_SCHW: Tensor
    log_lds_S: Tensor
    format: str


DEFAULTS: Mapping[str, Any] = _Options()._asdict()
"""The parameters of a request with their defaults."""


def with_densities(density: LatentDistribution) -> LatentDistribution:
    """Returns the latent density with the densities of its own training latents, which those of samples are set beside.

    Args:
        density: The latent density, by `latent_density`.
    """
    own = leave_one_out_log_density(density.tensors["means"], sigma=_sigma_of(density)).sort().values
    return LatentDistribution(density.sampler, density.name, {**density.tensors, _SORTED: own}, density.settings)


class Sampler:
    """Draws images from a model.

    Args:
        model: The model.
        distributions: What its latents are drawn from, by the names in DISTRIBUTIONS; `density` as `with_densities`
            gives it.
    """

    def __init__(self, model: VAE, distributions: Mapping[str, LatentDistribution]) -> None:
        self.model, self.distributions = model, distributions
        density = distributions["density"]
        # In float64 whatever the range: which type would do depends on what is scored together.
        self._z_ND, self._sorted_N = density.tensors["means"].double(), density.tensors[_SORTED]
        self._sigma = _sigma_of(density)

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Draws one image for every row.

        Args:
            model_input: A column `seed` of integers, 0 to 2^32 - 1.
            params: Any of these.
                `truncation`: the scale of the latents around their mean, above 0, at most 2.
                `sampler`: chosen (that which the model was registered with), prior, aggregate or density.
                `format`: png or array.
                `min_density`: the share of training images that are to be less typical than every sample, 0 to below
                1; a seed draws again until it is so, fifty times at most.

        Returns:
            Columns `seed`; `image`, a PNG in base64 or a nested list [H][W][C] of 0..255; `log_lds`; and
            `denser_than`, the share of training images that are less typical.

        Raises:
            DataError: A seed or parameter is out of range, or there are too many rows.
        """
        return self.shown(self.draw(model_input, params))

    def draw(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> Drawn:
        """Does what is to be computed of `predict`; `shown` does the rest."""
        options, seeds = _options(params or {}), _seeds(model_input)
        z_SD, log_lds_S = draw_dense_latents(
            self.distributions[options.sampler],
            seeds,
            truncation=options.truncation,
            score=self._log_lds,
            least=self._least(options.min_density),
        )
        return Drawn(seeds, decode_latents(self.model, z_SD), log_lds_S, options.format)

    def shown(self, drawn: Drawn) -> pd.DataFrame:
        """Returns the rows of `predict`."""
        show = _array_of if drawn.format == "array" else _base64_of
        less_dense = torch.searchsorted(self._sorted_N, drawn.log_lds_S).double() / len(self._sorted_N)
        return pd.DataFrame(
            {
                "seed": np.array(drawn.seeds, dtype=np.int64),
                "image": [show(image) for image in drawn.images_SCHW],
                "log_lds": drawn.log_lds_S.numpy(),
                "denser_than": less_dense.numpy(),
            }
        )

    def _log_lds(self, z_SD: Tensor) -> Tensor:
        n = len(z_SD)
        padded = torch.cat([z_SD, z_SD[-1:].expand(-n % _SCORED_AT_ONCE, -1)])
        scores = [log_density(some, self._z_ND, sigma=self._sigma) for some in padded.split(_SCORED_AT_ONCE)]
        return torch.cat(scores)[:n]

    def _least(self, min_density: float) -> float:
        return float(self._sorted_N.quantile(min_density)) if min_density else -inf


def _sigma_of(density: LatentDistribution) -> float:
    return float(density.tensors["scales"])


def _options(params: Mapping[str, Any]) -> _Options:
    options = _Options(**{name: value for name, value in params.items() if name in _Options._fields})
    return _Options(
        truncation=_number("truncation", options.truncation, "above 0, at most 2", lambda x: 0 < x <= 2),
        sampler=_one_of("sampler", options.sampler, DISTRIBUTIONS),
        format=_one_of("format", options.format, _FORMATS),
        min_density=_number("min_density", options.min_density, "from 0 to below 1", lambda x: 0 <= x < 1),
    )


def _number(name: str, given: Any, expected: str, holds: Callable[[float], bool]) -> float:
    try:
        number = float(given)
    except (TypeError, ValueError):
        number = inf
    if isfinite(number) and holds(number):
        return number
    raise DataError(
        name,
        found=f"{given}",
        expected=f"a number {expected}",
        remedy=f"Leave it out for the default, {DEFAULTS[name]:g}.",
    )


def _one_of(name: str, given: Any, allowed: tuple[str, ...]) -> str:
    if given in allowed:
        return str(given)
    raise DataError(
        name, found=f"{given}", expected=", ".join(allowed), remedy=f"Leave it out for the default, {DEFAULTS[name]}."
    )


def _seeds(rows: pd.DataFrame) -> list[int]:
    expected = "one integer from 0 to 2^32 - 1 in every row"
    if "seed" not in rows.columns:
        found = f"columns {', '.join(map(str, rows.columns))[:200]}"
    elif rows.empty:
        found = "no rows"
    elif len(rows) > MOST_ROWS:
        found, expected = f"{len(rows):,} rows", f"at most {MOST_ROWS} rows, one for each image"
    else:
        wrong = [seed for seed in rows["seed"] if not _is_seed(seed)]
        if not wrong:
            return [int(seed) for seed in rows["seed"]]
        found = f"{wrong[0]}"[:200]
    raise DataError("column seed", found=found, expected=expected, remedy="Send one row with a seed for each image.")


def _is_seed(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and 0 <= int(value) <= _LARGEST_SEED


def png_of(image_CHW: Tensor) -> bytes:
    """Encodes one image, uint8 [C, H, W], as PNG."""
    array = image_CHW.permute(1, 2, 0).numpy()
    buffer = io.BytesIO()
    Image.fromarray(array.squeeze(-1) if array.shape[-1] == 1 else array).save(buffer, format="PNG", **_COMPRESSION)
    return buffer.getvalue()


def _base64_of(image_CHW: Tensor) -> str:
    return base64.b64encode(png_of(image_CHW)).decode("ascii")


def _array_of(image_CHW: Tensor) -> list[list[list[int]]]:
    nested: list[list[list[int]]] = image_CHW.permute(1, 2, 0).tolist()
    return nested


def load_sampler(folder: Path) -> Sampler:
    """Loads a sampler from the folder that its values lie in; their digests are checked, and nothing is unpickled.

    Raises:
        ArtifactError: A value is missing or damaged.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = VAE.from_weights(load_value(ModelWeights, folder / WEIGHTS)).to(device)
    return Sampler(model, {name: load_value(LatentDistribution, folder / name) for name in DISTRIBUTIONS})
