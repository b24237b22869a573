"""The registered model: one row for every seed in, one sample for every row out.

It loads from safetensors and JSON files, and nothing is unpickled.

With each sample comes how typical it is: log LDS of its latent under the model's own training latents (draft, section
3.2), by the isotropic kernel whatever the samples are drawn by; the share of the training latents that are less dense,
each left out of its own density; and the share of the sampler's own samples that are. In many dimensions, noise about a
training latent is less dense than most training latents are, so what a sample can reach is a matter of the samples.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from math import inf, isfinite
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from lds_mlflow.domains import Domain, domain_of
from lds_mlflow.errors import DataError
from lds_mlflow.latent import leave_one_out_log_density, log_density
from lds_mlflow.models import Autoencoder, Codec, open_model
from lds_mlflow.samplers import draw_dense_latents, draw_latents
from lds_mlflow.samplers.classes import of_class
from lds_mlflow.store import load_value
from lds_mlflow.values import LatentDistribution, ModelWeights

__all__ = [
    "DISTRIBUTIONS",
    "MOST_ROWS",
    "WEIGHTS",
    "SampleBatch",
    "Sampler",
    "defaults_of",
    "load_sampler",
    "with_densities",
]

WEIGHTS, DISTRIBUTIONS = "weights", ("chosen", "prior", "aggregate", "density")
"""Folders of a registered model's values. `chosen` is the distribution that it was registered with."""

MOST_ROWS = 256
"""The most samples of one request."""

_LARGEST_SEED = 2**32 - 1
"""torch uses 32 bits of a seed: larger seeds would draw the samples of smaller ones again."""

_OWN_SAMPLES = 1000
"""Samples by which it is known how dense those of a sampler are; they have the last of all seeds."""

_SCORED_AT_ONCE = 32
"""Scores are computed in one shape, as samples are: another shape may round the last bit another way."""

_SORTED, _SIGMA = "sorted_log_lds", "sigma"


class _Options(NamedTuple):
    truncation: float
    sampler: str
    format: str
    min_density: float
    label: str


class SampleBatch(NamedTuple):
    """Samples with the log LDS of each, and the format of the answer.

    Attributes:
        seeds: The seed of every sample.
        samples_S: The samples as examples are stored, [S, ...].
        log_lds_S: Their log LDS.
        own_N: The log LDS of other samples of the same sampler, in rising order.
        least: The log LDS that each was to reach.
        format: A key of the domain's formats.
    """

    seeds: list[int]
    samples_S: Tensor
    log_lds_S: Tensor
    own_N: Tensor
    least: float
    format: str


def defaults_of(domain: Domain) -> Mapping[str, Any]:
    """Returns the parameters of a request with their defaults, for a kind of examples."""
    return _Options(1.0, "chosen", next(iter(domain.formats)), 0.0, "")._asdict()


def with_densities(density: LatentDistribution) -> LatentDistribution:
    """Returns the latent density with the densities of its own training latents, for comparison with those of samples.

    Args:
        density: The latent density, by `latent_density`.
    """
    own = leave_one_out_log_density(density.tensors["means"], sigma=_sigma_of(density)).sort().values
    return replace(density, tensors={**density.tensors, _SORTED: own})


class Sampler:
    """Draws samples of a model.

    Args:
        model: The model.
        domain: The kind of examples that it decodes.
        distributions: What its latents are drawn from, by the names in DISTRIBUTIONS; `density` as `with_densities`
            gives it.
    """

    def __init__(self, model: Autoencoder, domain: Domain, distributions: Mapping[str, LatentDistribution]) -> None:
        self.domain, self.codec, self.distributions = domain, Codec(model, domain.scale), distributions
        density = distributions["density"]
        # In float64 whatever the range: which type would do depends on what is scored together.
        self._z_ND, self._sorted_N = density.tensors["means"].double(), density.tensors[_SORTED]
        self._sigma = _sigma_of(density)
        self._of_classes: dict[tuple[str, str], LatentDistribution] = {}
        self._own: dict[tuple[str, str], Tensor] = {}

    @property
    def class_names_K(self) -> tuple[str, ...]:
        """The classes that samples can be of; none where the training examples have none."""
        return self.distributions["density"].class_names_K

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Draws one sample for every row.

        Args:
            model_input: A column `seed` of integers, 0 to 2^32 - 1.
            params: Any of these.
                `truncation`: the scale of the latents around their mean, above 0, at most 2.
                `sampler`: chosen (the sampler that the model was registered with), prior, aggregate or density.
                `format`: one of the domain's formats; of images png or array.
                `min_density`: the share of the sampler's own samples, without truncation, that every sample has to be
                denser than, 0 to below 1; a seed draws again until it is, at most fifty times.
                `label`: the class to draw, as the data calls it, of the samplers that draw around training latents;
                "" for all.

        Returns:
            Columns `seed`; the domain's column, of images `image`, a PNG in base64 or a nested list [H][W][C] of
            0..255; `log_lds`; `denser_than` and `denser_than_samples`, the shares of the training examples and of the
            sampler's own samples that are less dense; and `reached`, whether the sample is as dense as `min_density`
            asks for, which fifty draws may not have been enough for.

        Raises:
            DataError: A seed or parameter is out of range, or there are too many rows.
        """
        return self.shown(self.draw(model_input, params))

    def draw(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> SampleBatch:
        """Computes the samples of `predict`; `shown` turns them into the answer."""
        options, seeds = _options(params or {}, self.domain), _seeds(model_input)
        own_N = self._own_log_lds(options.sampler, options.label)
        least = float(own_N.quantile(options.min_density)) if options.min_density else -inf
        z_SD, log_lds_S = draw_dense_latents(
            self._distribution(options.sampler, options.label),
            seeds,
            truncation=options.truncation,
            score=self._log_lds,
            least=least,
        )
        return SampleBatch(seeds, self.codec.decode(z_SD), log_lds_S, own_N, least, options.format)

    def shown(self, batch: SampleBatch) -> pd.DataFrame:
        """Returns the rows of `predict`."""
        show = self.domain.formats[batch.format]
        return pd.DataFrame(
            {
                "seed": np.array(batch.seeds, dtype=np.int64),
                self.domain.column: [show(sample) for sample in batch.samples_S],
                "log_lds": batch.log_lds_S.numpy(),
                "denser_than": _share_below(batch.log_lds_S, self._sorted_N),
                "denser_than_samples": _share_below(batch.log_lds_S, batch.own_N),
                "reached": (batch.log_lds_S >= batch.least).numpy(),
            }
        )

    def _distribution(self, sampler: str, label: str) -> LatentDistribution:
        if not label:
            return self.distributions[sampler]
        key = sampler, label
        if key not in self._of_classes:
            self._of_classes[key] = of_class(self.distributions[sampler], label, f"label={label}")
        return self._of_classes[key]

    def _log_lds(self, z_SD: Tensor) -> Tensor:
        n = len(z_SD)
        padded = torch.cat([z_SD, z_SD[-1:].expand(-n % _SCORED_AT_ONCE, -1)])
        scores = [log_density(some, self._z_ND, sigma=self._sigma) for some in padded.split(_SCORED_AT_ONCE)]
        return torch.cat(scores)[:n]

    def _own_log_lds(self, sampler: str, label: str) -> Tensor:
        key = sampler, label
        if key not in self._own:
            seeds = list(range(_LARGEST_SEED + 1 - _OWN_SAMPLES, _LARGEST_SEED + 1))
            z_SD = draw_latents(self._distribution(sampler, label), seeds)
            self._own[key] = self._log_lds(z_SD).sort().values
        return self._own[key]


def _share_below(log_lds_S: Tensor, sorted_N: Tensor) -> np.ndarray[Any, np.dtype[np.float64]]:
    shares: np.ndarray[Any, np.dtype[np.float64]] = (
        torch.searchsorted(sorted_N, log_lds_S).double() / len(sorted_N)
    ).numpy()
    return shares


def _sigma_of(density: LatentDistribution) -> float:
    # Models that were registered before there were other kernels have their bandwidth as the width of the noise alone.
    return density.settings[_SIGMA] if _SIGMA in density.settings else float(density.tensors["scales"])


def _options(params: Mapping[str, Any], domain: Domain) -> _Options:
    defaults = defaults_of(domain)
    given = {**defaults, **{name: value for name, value in params.items() if name in defaults}}

    def number(name: str, expected: str, holds: Callable[[float], bool]) -> float:
        try:
            found = float(given[name])
        except (TypeError, ValueError):
            found = inf
        if isfinite(found) and holds(found):
            return found
        raise DataError(
            name,
            found=f"{given[name]}",
            expected=f"a number {expected}",
            remedy=f"The default is {defaults[name]:g}.",
        )

    def one_of(name: str, allowed: Collection[str]) -> str:
        if given[name] in allowed:
            return str(given[name])
        raise DataError(
            name, found=f"{given[name]}", expected=", ".join(allowed), remedy=f"The default is {defaults[name]}."
        )

    if not isinstance(given["label"], str):
        raise DataError(
            "label", found=f"{given['label']}", expected="the name of a class", remedy='The default is "", for all.'
        )
    return _Options(
        truncation=number("truncation", "above 0, at most 2", lambda x: 0 < x <= 2),
        sampler=one_of("sampler", DISTRIBUTIONS),
        format=one_of("format", domain.formats),
        min_density=number("min_density", "from 0 to below 1", lambda x: 0 <= x < 1),
        label=given["label"],
    )


def _seeds(rows: pd.DataFrame) -> list[int]:
    expected = "one integer from 0 to 2^32 - 1 in every row"
    if "seed" not in rows.columns:
        found = f"columns {', '.join(map(str, rows.columns))[:200]}"
    elif rows.empty:
        found = "no rows"
    elif len(rows) > MOST_ROWS:
        found, expected = f"{len(rows):,} rows", f"at most {MOST_ROWS}, one for every sample"
    else:
        wrong = [seed for seed in rows["seed"] if not _is_seed(seed)]
        if not wrong:
            return [int(seed) for seed in rows["seed"]]
        found = f"{wrong[0]}"[:200]
    raise DataError("column seed", found=found, expected=expected, remedy="Send one row for every sample.")


def _is_seed(value: Any) -> bool:
    # JSON knows one kind of number, so 1.0 is 1; a column with a missing value has floats as well.
    is_number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    return is_number and 0 <= value <= _LARGEST_SEED and value == int(value)


def load_sampler(folder: Path) -> Sampler:
    """Loads a sampler from the folder of its values; their digests are checked, and nothing is unpickled.

    Raises:
        ArtifactError: A value is missing or damaged.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    weights = load_value(ModelWeights, folder / WEIGHTS)
    model = open_model(weights).to(device)
    return Sampler(
        model,
        domain_of(weights.domain),
        {name: load_value(LatentDistribution, folder / name) for name in DISTRIBUTIONS},
    )
