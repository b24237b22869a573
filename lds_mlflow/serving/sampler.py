"""The registered model: one row for every seed in, one sample for every row out.

It loads from safetensors and JSON files, and nothing is unpickled.

With each sample comes how typical it is: log LDS of its latent under the model's own training latents (draft, section
3.2), by the isotropic kernel whatever the samples are drawn by; the share of the training latents that are less dense,
each left out of its own density; and the share of the sampler's own samples that are. In many dimensions, noise about a
training latent is less dense than most training latents are, so what a sample can reach is a matter of the samples.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from lds_mlflow.config.balance import AS_IN_DATA, shares_of
from lds_mlflow.domains import Domain, domain_of
from lds_mlflow.latent import interpolate, leave_one_out_log_density, log_density
from lds_mlflow.machine.files import digest_of_bytes
from lds_mlflow.machine.packages import require_packages
from lds_mlflow.models import Autoencoder, Codec, open_model
from lds_mlflow.samplers import draw_dense_latents, draw_latents
from lds_mlflow.samplers.classes import of_class, with_class_shares
from lds_mlflow.serving.requests import DISTRIBUTIONS, LARGEST_SEED, Options, SampleRow, options_of, rows_of
from lds_mlflow.store import digest_in, load_value, save_value
from lds_mlflow.values import ExampleSet, LatentDistribution, ModelWeights

__all__ = ["SampleBatch", "Sampler", "digest_of_sampler", "load_sampler", "save_sampler", "with_densities"]

_WEIGHTS, _EXAMPLES = "weights", "examples"
"""Folders of a registered model's values, beside those of its distributions."""

_OWN_SAMPLES = 1000
"""Samples by which it is known how dense those of a sampler are; they have the last of all seeds."""

_KEPT = 32
"""For how many samplers, classes and balances the densities of own samples are kept."""

_SCORED_AT_ONCE = 32
"""Scores are computed in one shape, as samples are: another shape may round the last bit another way."""

_PATH = "slerp"
_SORTED, _SIGMA = "sorted_log_lds", "sigma"


class Nearest(NamedTuple):
    """The training latents that are nearest to samples.

    Attributes:
        reconstructions_S: What they are decoded to, as examples are stored, [S, ...].
        distance_S: How far they are from the samples' latents.
        spacing_S: How far they are from the training latents that are nearest to them.
    """

    reconstructions_S: Tensor
    distance_S: Tensor
    spacing_S: Tensor


class SampleBatch(NamedTuple):
    """Samples with the log LDS of each, and the format of the answer.

    Attributes:
        rows: What was asked for.
        samples_S: The samples as examples are stored, [S, ...].
        log_lds_S: Their log LDS.
        own_N: The log LDS of other samples of the same sampler, in rising order.
        least: The log LDS that each was to reach.
        format: A key of the domain's formats.
        nearest: Their nearest training latents, or None where they are not asked for.
    """

    rows: list[SampleRow]
    samples_S: Tensor
    log_lds_S: Tensor
    own_N: Tensor
    least: float
    format: str
    nearest: Nearest | None


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
        examples: Some of the training examples, to look at beside its samples; None where it keeps none.
    """

    def __init__(
        self,
        model: Autoencoder,
        domain: Domain,
        distributions: Mapping[str, LatentDistribution],
        examples: ExampleSet | None = None,
    ) -> None:
        self.domain, self.codec, self.distributions = domain, Codec(model, domain.scale), distributions
        self.examples = examples
        density = distributions["density"]
        # In float64 whatever the range: which type would do depends on what is scored together.
        self._z_ND, self._sorted_N = density.tensors["means"].double(), density.tensors[_SORTED]
        self._centre_D = self._z_ND.mean(0)
        self._sigma = _sigma_of(density)
        # A request may name any class and any balance: what they are drawn from is kept for the latest alone.
        self._distribution = lru_cache(_KEPT)(self._make_distribution)
        self._own_log_lds = lru_cache(_KEPT)(self._make_own_log_lds)

    @property
    def class_names_K(self) -> tuple[str, ...]:
        """The classes that samples can be of; none where the training examples have none."""
        return self.distributions["density"].class_names_K

    def predict(self, model_input: Any, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Draws the samples that are asked for.

        Args:
            model_input: A table with a column `seed` of integers, 0 to 2^32 - 1, a row for every sample. With the
                columns `seed_to` and `at` as well, a sample lies between those of two seeds: on the great circle about
                the mean of the training latents, at a share of the way from 0 to 1. A column `n` instead asks for the
                samples of n seeds, from `seed` on, or from 0. Or a list of seeds, or an integer, which is n.
            params: Any of these.
                `truncation`: the scale of the latents around their mean, above 0, at most 2.
                `sampler`: chosen (the sampler that the model was registered with), prior, aggregate or density.
                `format`: one of the domain's formats; of images png or array.
                `min_density`: the share of the sampler's own samples, without truncation, that every sample has to be
                denser than, 0 to below 1; a seed draws again until it is, at most fifty times. What lies between two
                seeds is not drawn again.
                `label`: the class to draw, as the data calls it, of the samplers that draw around training latents;
                "" for all.
                `balance`: the shares of the classes, of the sampler density: data, equal, or NAME:SHARE,NAME:SHARE.
                `nearest`: whether to add the training latent that is nearest to each sample.

        Returns:
            Columns `seed`; the domain's column, of images `image`, a PNG in base64 or a nested list [H][W][C] of
            0..255; `log_lds`; `denser_than` and `denser_than_samples`, the shares of the training examples and of the
            sampler's own samples that are less dense; and `reached`, whether the sample is as dense as `min_density`
            asks for, which fifty draws may not have been enough for. Where any row has them, `seed_to` and `at`. With
            `nearest`, also `nearest`, the reconstruction of the training example whose latent is nearest;
            `nearest_distance`, how far these latents are apart; and `nearest_spacing`, how far that training latent is
            from the nearest other one.

        Raises:
            DataError: A value is out of range, or there are too many rows.
        """
        return self.shown(self.draw(model_input, params))

    def draw(self, model_input: Any, params: dict[str, Any] | None = None) -> SampleBatch:
        """Computes the samples of `predict`; `shown` turns them into the answer."""
        options, rows = options_of(params or {}, self.domain), rows_of(model_input)
        own_N = self._own_log_lds(options.sampler, options.label, options.balance)
        least = float(own_N.quantile(options.min_density)) if options.min_density else -inf
        z_SD, log_lds_S = self._drawn([row.seed for row in rows], options, least)
        between = [number for number, row in enumerate(rows) if row.seed_to is not None]
        if between:
            ends_BD, _ = self._drawn([int(rows[number].seed_to or 0) for number in between], options, least)
            for number, end_1D in zip(between, ends_BD.split(1), strict=True):
                z_SD[number] = self._between(z_SD[number : number + 1], end_1D, rows[number].at)[0]
            log_lds_S[between] = self._log_lds(z_SD[between])
        nearest = self._nearest(z_SD) if options.nearest else None
        return SampleBatch(rows, self.codec.decode(z_SD), log_lds_S, own_N, least, options.format, nearest)

    def shown(self, batch: SampleBatch) -> pd.DataFrame:
        """Returns the rows of `predict`."""
        show, rows = self.domain.formats[batch.format], batch.rows
        columns: dict[str, Any] = {
            "seed": np.array([row.seed for row in rows], dtype=np.int64),
            self.domain.column: [show(sample) for sample in batch.samples_S],
            "log_lds": batch.log_lds_S.numpy(),
            "denser_than": _share_below(batch.log_lds_S, self._sorted_N),
            "denser_than_samples": _share_below(batch.log_lds_S, batch.own_N),
            "reached": (batch.log_lds_S >= batch.least).numpy(),
        }
        if any(row.seed_to is not None for row in rows):
            columns["seed_to"] = np.array([row.seed if row.seed_to is None else row.seed_to for row in rows])
            columns["at"] = [row.at for row in rows]
        if batch.nearest is not None:
            columns["nearest"] = [show(one) for one in batch.nearest.reconstructions_S]
            columns["nearest_distance"] = batch.nearest.distance_S.numpy()
            columns["nearest_spacing"] = batch.nearest.spacing_S.numpy()
        return pd.DataFrame(columns)

    def _drawn(self, seeds: list[int], options: Options, least: float) -> tuple[Tensor, Tensor]:
        distribution = self._distribution(options.sampler, options.label, options.balance)
        return draw_dense_latents(distribution, seeds, truncation=options.truncation, score=self._log_lds, least=least)

    def _between(self, z_1D: Tensor, end_1D: Tensor, at: float) -> Tensor:
        # One at a time, and the ends as they are: a sample doesn't depend on what else is asked for.
        if at in (0, 1):
            return end_1D if at else z_1D
        return interpolate(z_1D, end_1D, torch.tensor([at]), _PATH, centre_D=self._centre_D.to(z_1D))

    def _nearest(self, z_SD: Tensor) -> Nearest:
        distance_S, rows = zip(*(self._distances(z_1D).min(0) for z_1D in z_SD.double().split(1)), strict=True)
        z_nearest_SD = self._z_ND[torch.stack(rows)]
        # The nearest of a training latent is itself.
        n = min(2, len(self._z_ND))
        spacing_S = [self._distances(z_1D).topk(n, largest=False).values.max() for z_1D in z_nearest_SD.split(1)]
        return Nearest(self.codec.decode(z_nearest_SD.float()), torch.stack(distance_S), torch.stack(spacing_S))

    def _distances(self, z_1D: Tensor) -> Tensor:
        return torch.cdist(z_1D, self._z_ND, compute_mode="donot_use_mm_for_euclid_dist")[0]

    def _make_distribution(self, sampler: str, label: str, balance: str) -> LatentDistribution:
        distribution = self.distributions[sampler]
        if label:
            return of_class(distribution, label, f"label={label}")
        if balance == AS_IN_DATA:
            return distribution
        return with_class_shares(distribution, shares_of(balance), f"balance={balance}")

    def _log_lds(self, z_SD: Tensor) -> Tensor:
        n = len(z_SD)
        padded = torch.cat([z_SD, z_SD[-1:].expand(-n % _SCORED_AT_ONCE, -1)])
        scores = [log_density(some, self._z_ND, sigma=self._sigma) for some in padded.split(_SCORED_AT_ONCE)]
        return torch.cat(scores)[:n]

    def _make_own_log_lds(self, sampler: str, label: str, balance: str) -> Tensor:
        seeds = list(range(LARGEST_SEED + 1 - _OWN_SAMPLES, LARGEST_SEED + 1))
        return self._log_lds(draw_latents(self._distribution(sampler, label, balance), seeds)).sort().values


def _share_below(log_lds_S: Tensor, sorted_N: Tensor) -> np.ndarray[Any, np.dtype[np.float64]]:
    shares: np.ndarray[Any, np.dtype[np.float64]] = (
        torch.searchsorted(sorted_N, log_lds_S).double() / len(sorted_N)
    ).numpy()
    return shares


def _sigma_of(density: LatentDistribution) -> float:
    # Models that were registered before there were other kernels have their bandwidth as the width of the noise alone.
    return density.settings[_SIGMA] if _SIGMA in density.settings else float(density.tensors["scales"])


def save_sampler(
    folder: Path,
    weights: ModelWeights,
    distributions: Mapping[str, LatentDistribution],
    examples: ExampleSet | None = None,
) -> str:
    """Stores a sampler as a folder of values, for `load_sampler`, and returns its digest.

    Args:
        folder: Where to.
        weights: The model.
        distributions: What its latents are drawn from; see `Sampler`.
        examples: See `Sampler`.
    """
    save_value(weights, folder / _WEIGHTS)
    for name in DISTRIBUTIONS:
        save_value(distributions[name], folder / name)
    if examples is not None:
        save_value(examples, folder / _EXAMPLES)
    return digest_of_sampler(folder)


def digest_of_sampler(folder: Path) -> str:
    """Returns the digest of the values of a sampler, as their manifests state theirs; `load_sampler` checks these.

    Raises:
        DamageError: A value is missing, or its manifest can't be read.
    """
    names = [_WEIGHTS, *DISTRIBUTIONS, *([_EXAMPLES] if (folder / _EXAMPLES).is_dir() else [])]
    return digest_of_bytes(*(f"{name} {digest_in(folder / name)}".encode() for name in names))


def load_sampler(folder: Path) -> Sampler:
    """Loads a sampler from the folder of its values; their digests are checked, and nothing is unpickled.

    Raises:
        ArtifactError: A value is missing or damaged.
        ConfigError: A package that its kind of examples needs is not installed.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    weights = load_value(ModelWeights, folder / _WEIGHTS)
    domain = domain_of(weights.domain)
    require_packages(f"a model of {domain.name}", domain.packages)
    model = open_model(weights).to(device)
    return Sampler(
        model,
        domain,
        {name: load_value(LatentDistribution, folder / name) for name in DISTRIBUTIONS},
        load_value(ExampleSet, folder / _EXAMPLES) if (folder / _EXAMPLES).is_dir() else None,
    )
