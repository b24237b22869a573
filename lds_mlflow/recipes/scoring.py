"""Candidates and their scores, as configured."""

from dataclasses import dataclass, replace
from math import ceil

import torch
from torch import Tensor
from tqdm import tqdm

from lds_mlflow.config import AugmentConfig
from lds_mlflow.latent import (
    Bandwidth,
    Census,
    Certificate,
    LatentSpace,
    NeighbourScorer,
    Scorer,
    SubsampleScorer,
    bandwidth,
    certify,
    draw_candidates,
    interpolate,
    latent_space,
    score_candidates,
    score_exhaustively,
)
from lds_mlflow.machine.ranks import ALONE, Ranks
from lds_mlflow.values import Candidates, Scores

__all__ = ["Scored", "score_as_configured", "wanted_of"]

_SCORERS: dict[str, Scorer] = {
    "exact": score_candidates,
    "neighbours": NeighbourScorer(),
    "subsample": SubsampleScorer(),
}


@dataclass(frozen=True, slots=True)
class Scored:
    """Candidates with their scores, and how they came about.

    Attributes:
        candidates: M candidates, in the latents of the model.
        scores: Their scores.
        space: The space in which density was measured.
        z_ND: The training latents in it.
        bandwidth: The bandwidth in it.
        certificate: What approximate scores are worth; None for exact ones.
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


def wanted_of(config: AugmentConfig, n: int) -> int:
    """Returns the size of A at most, for n training latents."""
    return ceil(config.augmentation_ratio * n)


def score_as_configured(
    config: AugmentConfig, z_ND: Tensor, generator: torch.Generator, *, ranks: Ranks = ALONE
) -> Scored:
    """Makes candidates of training latents, float [N, D], and scores them; `ranks` share what is exhaustive."""
    space = latent_space(z_ND, config.latent_space, drop_inactive=config.drop_inactive)
    mapped_ND = space.map(z_ND)
    width = bandwidth(mapped_ND, config.sigma, multiplier=config.sigma_multiplier)
    n = ceil(wanted_of(config, len(z_ND)) / config.top_fraction / config.sharpest_fraction)
    if config.candidates == "exhaustive":
        return _score_all(config, z_ND, n, mapped_ND=mapped_ND, space=space, width=width, ranks=ranks)
    candidates = draw_candidates(
        z_ND,
        n,
        generator=generator,
        interpolation=config.interpolation,
        neighbours=config.parent_neighbours,
        every_alpha=config.every_alpha,
    )
    mapped = replace(candidates, z_MD=space.map(candidates.z_MD))
    leave_out, scorer = config.leave_endpoints_out, _SCORERS[config.scorer]
    scores = scorer(mapped, mapped_ND, sigma=width.sigma, leave_endpoints_out=leave_out)
    certificate = None
    if config.scorer != "exact":
        certificate = certify(
            scorer,
            mapped,
            mapped_ND,
            sigma=width.sigma,
            leave_endpoints_out=leave_out,
            top_fraction=config.top_fraction,
            generator=generator,
        )
    return Scored(candidates, scores, space, mapped_ND, width, certificate)


def _score_all(
    config: AugmentConfig,
    z_ND: Tensor,
    n: int,
    *,
    mapped_ND: Tensor,
    space: LatentSpace,
    width: Bandwidth,
    ranks: Ranks,
) -> Scored:
    bar_format = "{l_bar}{bar}| [{elapsed}<{remaining}]"
    with tqdm(total=1.0, desc="scoring all interpolants", bar_format=bar_format, delay=1) as bar:

        def progress(share: float) -> None:
            bar.update(share)

        found = score_exhaustively(
            mapped_ND,
            n,
            sigma=width.sigma,
            leave_endpoints_out=config.leave_endpoints_out,
            ranks=ranks,
            progress=progress,
        )
    first, second = (z_ND[parents] for parents in found.candidates.parents_M2.T)
    z_MD = interpolate(first, second, found.candidates.alpha_M, "linear", centre_D=z_ND.mean(0))
    candidates = replace(found.candidates, z_MD=z_MD)
    return Scored(candidates, found.scores, space, mapped_ND, width, census=found.census)
