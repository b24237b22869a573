r"""Scores from a part of the training latents, and what they are worth.

What a part leaves out can't be told from its sum, so these come with a certificate: the error against the exact score,
and the overlap of the chosen top fraction, on a random slice of the candidates.
"""

from dataclasses import dataclass
from importlib import import_module
from math import ceil, log
from typing import Any

import torch
from torch import Tensor

from lds_mlflow.errors import ConfigError
from lds_mlflow.latent.checks import require_finite
from lds_mlflow.latent.geometry import Geometry, blocks
from lds_mlflow.latent.scoring.density import log_kernel_sums, require_terms
from lds_mlflow.latent.scoring.scorers import Scorer, score_candidates
from lds_mlflow.machine.arrays import taking_arrays
from lds_mlflow.values import Candidates, Scores

__all__ = [
    "Certificate",
    "NeighbourScorer",
    "SubsampleScorer",
    "certify",
    "score_by_neighbours",
    "score_by_subsample",
]

_ROWS = 4096
_SMALLEST_PART = 16
_CERTIFIED = 2000


@dataclass(frozen=True, slots=True)
class SubsampleScorer:
    """Scores against a random part of the training latents, with the candidate's own parents exact.

    Attributes:
        share: The part, in (0, 1]; at least 16 latents are taken.
        seed: Seed of which.

    Raises:
        ConfigError: The share is out of range.
    """

    share: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise ConfigError(
                "share", found=str(self.share), expected="above 0, at most 1", remedy="0.1 is the default."
            )

    @taking_arrays
    def __call__(self, candidates: Candidates, z_ND: Tensor, *, sigma: float, leave_endpoints_out: bool) -> Scores:
        """Returns estimates of log LDS. See `Scorer`."""
        n_others = require_terms(z_ND, 2)
        require_finite(z_ND, "training latent")
        generator = torch.Generator().manual_seed(self.seed)
        size = min(len(z_ND), max(_SMALLEST_PART, ceil(self.share * len(z_ND))))
        part = torch.randperm(len(z_ND), generator=generator)[:size].sort().values
        place_M2 = torch.searchsorted(part, candidates.parents_M2).clamp(max=size - 1)
        own_M2 = torch.where(part[place_M2] == candidates.parents_M2, place_M2, -1)
        log_sums = log_kernel_sums(candidates.z_MD, z_ND[part], sigma=sigma, left_out_MK=own_M2)
        log_lds = log_sums + (n_others / (size - (own_M2 >= 0).sum(1)).double()).log()
        if not leave_endpoints_out:
            log_lds = torch.logaddexp(log_lds, _log_parents(candidates, z_ND, sigma))
        n = n_others if leave_endpoints_out else len(z_ND)
        return Scores(log_lds - log(n), sigma=sigma, endpoints_left_out=leave_endpoints_out)


@dataclass(frozen=True, slots=True)
class NeighbourScorer:
    """Scores against the nearest training latents alone, found by faiss (the extra "neighbours"). Never too high.

    Attributes:
        neighbours: How many.
        index: What finds them, as faiss's index factory names it: "Flat" is exact, "IVF256,Flat" is not.

    Raises:
        ConfigError: There are no neighbours.
    """

    neighbours: int = 256
    index: str = "Flat"

    def __post_init__(self) -> None:
        if self.neighbours < 1:
            raise ConfigError(
                "neighbours", found=str(self.neighbours), expected="1 or more", remedy="256 is the default."
            )

    @taking_arrays
    def __call__(self, candidates: Candidates, z_ND: Tensor, *, sigma: float, leave_endpoints_out: bool) -> Scores:
        """Returns lower bounds of log LDS. See `Scorer`.

        Raises:
            ConfigError: faiss is not installed.
        """
        n = require_terms(z_ND, 2 if leave_endpoints_out else 0)
        require_finite(z_ND, "training latent")
        require_finite(candidates.z_MD, "point to score")
        geometry = Geometry.of(z_ND, sigma)
        index = _faiss().index_factory(z_ND.shape[1], self.index)
        places = geometry.place(z_ND).float().cpu().numpy()
        index.train(places)
        index.add(places)
        log_sums = torch.empty(len(candidates.alpha_M), dtype=torch.float64)
        for rows in blocks(len(log_sums), _ROWS):
            points = geometry.place(candidates.z_MD[rows]).float().cpu().numpy()
            distances, found = index.search(points, min(self.neighbours + 2, len(z_ND)))
            exponents, found_RK = -torch.from_numpy(distances).double(), torch.from_numpy(found)
            exponents[found_RK < 0] = -torch.inf
            if leave_endpoints_out:
                exponents[(found_RK[:, :, None] == candidates.parents_M2[rows][:, None]).any(2)] = -torch.inf
            log_sums[rows] = exponents.logsumexp(1)
        return Scores(log_sums - log(n), sigma=sigma, endpoints_left_out=leave_endpoints_out)


score_by_subsample = SubsampleScorer()
"""The scorer against a random tenth of the training latents."""

score_by_neighbours = NeighbourScorer()
"""The scorer against the 256 nearest training latents."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """What approximate scores are worth, measured on a random slice of the candidates.

    Attributes:
        n: Candidates in the slice.
        top_fraction: The fraction whose overlap was measured.
        overlap: Share of the slice's exact top fraction that is in the approximate one.
        mean_abs_error: Mean absolute error of log LDS, in nats.
        max_abs_error: Largest absolute error of log LDS, in nats.
    """

    n: int
    top_fraction: float
    overlap: float
    mean_abs_error: float
    max_abs_error: float

    def __str__(self) -> str:
        """Returns it in a sentence."""
        return (
            f"approximate scores, checked on {self.n:,} candidates: {self.overlap:.1%} of the exact top "
            f"{self.top_fraction:.0%} is found; log LDS is off by {self.mean_abs_error:.2g} in the mean, "
            f"{self.max_abs_error:.2g} at most"
        )


@taking_arrays
def certify(
    scorer: Scorer,
    candidates: Candidates,
    z_ND: Tensor,
    *,
    sigma: float,
    leave_endpoints_out: bool,
    top_fraction: float,
    generator: torch.Generator,
) -> Certificate:
    """Measures a scorer against the exact score on a random slice of the candidates, 2,000 of them at most.

    Args:
        scorer: The scorer.
        candidates: M candidates.
        z_ND: Training latents, float [N, D].
        sigma: Bandwidth, in latent units.
        leave_endpoints_out: Whether each candidate's two parents are left out of its sum.
        top_fraction: The fraction that a selection would keep, in (0, 1].
        generator: The randomness, on the CPU.
    """
    some = candidates.take(torch.randperm(len(candidates.alpha_M), generator=generator)[:_CERTIFIED])
    found, exact = (
        score(some, z_ND, sigma=sigma, leave_endpoints_out=leave_endpoints_out).log_lds_M
        for score in (scorer, score_candidates)
    )
    n_top = max(1, round(top_fraction * len(exact)))
    both = set(found.topk(n_top).indices.tolist()) & set(exact.topk(n_top).indices.tolist())
    error = (found - exact).abs()
    return Certificate(len(exact), top_fraction, len(both) / n_top, error.mean().item(), error.max().item())


def _log_parents(candidates: Candidates, z_ND: Tensor, sigma: float) -> Tensor:
    parts = []
    for rows in blocks(len(candidates.alpha_M), _ROWS):
        parents = z_ND[candidates.parents_M2[rows]].double()
        exponents = (candidates.z_MD[rows, None].double() - parents).square().sum(2) / (-2 * sigma**2)
        parts.append(exponents.logsumexp(1).cpu())
    return torch.cat(parts)


def _faiss() -> Any:
    try:
        return import_module("faiss")
    except ImportError:
        raise ConfigError(
            "the scorer by nearest neighbours",
            found="no faiss",
            expected="faiss, which finds the neighbours",
            remedy="Install lds-mlflow with the extra neighbours, or give scorer=exact.",
        ) from None
