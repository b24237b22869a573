"""Candidates and their scores, as configured."""

from dataclasses import dataclass, replace
from math import ceil

import torch
from torch import Tensor

from lds_mlflow.choices import load
from lds_mlflow.choices.candidates import CANDIDATES, EXHAUSTIVE
from lds_mlflow.choices.interpolations import LINEAR
from lds_mlflow.choices.scorers import SCORERS
from lds_mlflow.config import AugmentConfig
from lds_mlflow.errors import ConfigError
from lds_mlflow.latent import (
    Bandwidth,
    Census,
    Certificate,
    LatentSpace,
    Scorer,
    bandwidth,
    certify,
    draw_candidates,
    interpolate,
    latent_space,
    score_exhaustively,
)
from lds_mlflow.latent.geometry import TENTHS
from lds_mlflow.machine.memory import available_bytes
from lds_mlflow.machine.progress import progress_bar
from lds_mlflow.machine.ranks import ALONE, Ranks
from lds_mlflow.values import Candidates, Scores

__all__ = [
    "LatentGeometry",
    "ScoredCandidates",
    "candidates_for",
    "score_all",
    "score_as_configured",
    "score_sampled",
    "wanted_of",
]

_BYTES, _BYTES_BESIDE = 4, 64
"""Of a number of a latent, and of what there is of a candidate beside its latent: parents, scores, ranks."""


@dataclass(frozen=True, slots=True)
class ScoredCandidates:
    """Candidates with their scores, and how they were made.

    Attributes:
        candidates: M candidates, in the latents of the model.
        scores: Their scores.
        space: The space in which density was measured.
        z_ND: The training latents in it.
        bandwidth: The bandwidth in it.
        certificate: How exact approximate scores are; None for exact scores.
        census: How all interpolants score, where all of them were scored.
    """

    candidates: Candidates
    scores: Scores
    space: LatentSpace
    z_ND: Tensor
    bandwidth: Bandwidth
    certificate: Certificate | None = None
    census: Census | None = None

    def in_space(self, index: Tensor) -> Candidates:
        """Returns some of the candidates in the space in which density was measured."""
        some = self.candidates.take(index)
        return replace(some, z_MD=self.space.map(some.z_MD))


@dataclass(frozen=True, slots=True)
class LatentGeometry:
    """Training latents, and how density is measured among them.

    Attributes:
        z_ND: The training latents of the model, float [N, D].
        space: The space in which density is measured.
        mapped_ND: The training latents in it, float [N, E].
        bandwidth: The bandwidth in it.
    """

    z_ND: Tensor
    space: LatentSpace
    mapped_ND: Tensor
    bandwidth: Bandwidth


def wanted_of(config: AugmentConfig, n: int) -> int:
    """Returns the largest size of A, for n training latents."""
    return ceil(config.augmentation_ratio * n)


def score_as_configured(
    config: AugmentConfig, z_ND: Tensor, generator: torch.Generator, *, ranks: Ranks = ALONE
) -> ScoredCandidates:
    """Makes candidates of training latents, float [N, D], and scores them; `ranks` share an exhaustive scoring."""
    space = latent_space(z_ND, config.latent_space, drop_inactive=config.drop_inactive, explained=config.explained)
    mapped_ND = space.map(z_ND)
    width = bandwidth(mapped_ND, config.sigma, multiplier=config.sigma_multiplier)
    scored: ScoredCandidates = load(CANDIDATES[config.candidates].at)(
        config, LatentGeometry(z_ND, space, mapped_ND, width), generator, ranks
    )
    return scored


def score_sampled(
    config: AugmentConfig, training: LatentGeometry, generator: torch.Generator, _ranks: Ranks
) -> ScoredCandidates:
    """Draws candidates at random, and scores them. See `score_as_configured`."""
    candidates = draw_candidates(
        training.z_ND,
        candidates_for(config, *training.z_ND.shape),
        generator=generator,
        interpolation=config.interpolation,
        neighbours=config.parent_neighbours,
        every_alpha=config.every_alpha,
    )
    space, z_ND, width = training.space, training.mapped_ND, training.bandwidth
    mapped = replace(candidates, z_MD=space.map(candidates.z_MD))
    choice = SCORERS[config.scorer]
    scorer: Scorer = load(choice.at)
    leave_out = config.leave_endpoints_out
    scores = scorer(mapped, z_ND, sigma=width.sigma, leave_endpoints_out=leave_out)
    certificate = None
    if not choice.is_exact:
        certificate = certify(
            scorer,
            mapped,
            z_ND,
            sigma=width.sigma,
            leave_endpoints_out=leave_out,
            top_fraction=config.top_fraction,
            generator=generator,
        )
    return ScoredCandidates(candidates, scores, space, z_ND, width, certificate)


def score_all(
    config: AugmentConfig, training: LatentGeometry, _generator: torch.Generator, ranks: Ranks
) -> ScoredCandidates:
    """Scores all linear interpolants on the grid of tenths, and keeps the densest. See `score_as_configured`."""
    z_ND, width = training.z_ND, training.bandwidth
    with progress_bar(100.0, "scoring all interpolants", unit="%", delay=1) as bar:

        def progress(share: float) -> None:
            bar.update(100 * share)

        found = score_exhaustively(
            training.mapped_ND,
            candidates_for(config, *z_ND.shape),
            sigma=width.sigma,
            leave_endpoints_out=config.leave_endpoints_out,
            ranks=ranks,
            progress=progress,
        )
    first, second = (z_ND[parents] for parents in found.candidates.parents_M2.T)
    z_MD = interpolate(first, second, found.candidates.alpha_M, LINEAR, centre_D=z_ND.mean(0))
    candidates = replace(found.candidates, z_MD=z_MD)
    return ScoredCandidates(candidates, found.scores, training.space, training.mapped_ND, width, census=found.census)


def candidates_for(config: AugmentConfig, n: int, n_dimensions: int = 1) -> int:
    """Returns how many candidates are scored, so that as many as A has are left of them.

    Args:
        config: The configuration.
        n: Number of training latents.
        n_dimensions: Dimensions of a latent; 1 where the model is not known yet.

    Raises:
        ConfigError: They don't fit in memory.
    """
    wanted = wanted_of(config, n) / config.top_fraction / config.sharpest_fraction
    if config.candidates == EXHAUSTIVE:
        wanted = min(wanted, (TENTHS - 1) * n * (n - 1) // 2)
    n_bytes, available = wanted * (n_dimensions * _BYTES + _BYTES_BESIDE), available_bytes()
    if n_bytes > available:
        raise ConfigError(
            "top_fraction and sharpest_fraction",
            found=f"{config.top_fraction:g} and {config.sharpest_fraction:g}, which take {wanted:.3g} candidates",
            expected=f"candidates that fit in the {available / 2**30:.1f} GiB of memory that are free",
            remedy="Give larger fractions, or a smaller augmentation_ratio.",
        )
    return ceil(wanted)
