"""The scorers, behind one protocol: candidates and training latents in, log LDS out."""

from typing import Protocol

from torch import Tensor

from lds_mlflow.latent.scoring.density import log_density
from lds_mlflow.latent.scoring.factored import is_factorable, score_factored
from lds_mlflow.machine.arrays import taking_arrays
from lds_mlflow.values import Candidates, Scores

__all__ = ["Scorer", "score_candidates", "score_directly"]

# Multiply-adds per training latent beside those of distances: the power sums of a pair, the exponential of a point.
_PER_PAIR, _PER_POINT = 22, 16


class Scorer(Protocol):
    """Scores candidates against the training latents that they were made of."""

    def __call__(self, candidates: Candidates, z_ND: Tensor, *, sigma: float, leave_endpoints_out: bool) -> Scores:
        """Returns log LDS of M candidates.

        Args:
            candidates: M candidates; their parents are rows of z_ND.
            z_ND: Training latents, float [N, D].
            sigma: Bandwidth, in latent units.
            leave_endpoints_out: Whether each candidate's two parents are left out of its sum.

        Raises:
            DataError: A latent is not finite, or nothing is left in the sums.
        """
        ...


@taking_arrays
def score_directly(candidates: Candidates, z_ND: Tensor, *, sigma: float, leave_endpoints_out: bool = False) -> Scores:
    """Scores candidates of any kind, exactly, by their own distances. See `Scorer`."""
    left_out = candidates.parents_M2 if leave_endpoints_out else None
    log_lds = log_density(candidates.z_MD, z_ND, sigma=sigma, left_out_MK=left_out)
    return Scores(log_lds_M=log_lds, sigma=sigma, endpoints_left_out=leave_endpoints_out)


@taking_arrays
def score_candidates(
    candidates: Candidates, z_ND: Tensor, *, sigma: float, leave_endpoints_out: bool = False
) -> Scores:
    """Scores candidates exactly, by whichever exact scorer does fewer multiplications. See `Scorer`."""
    exact = score_factored if _factoring_pays(candidates, z_ND) else score_directly
    return exact(candidates, z_ND, sigma=sigma, leave_endpoints_out=leave_endpoints_out)


def _factoring_pays(candidates: Candidates, z_ND: Tensor) -> bool:
    if not len(candidates.alpha_M) or not is_factorable(candidates):
        return False
    n_latents, n_dimensions = z_ND.shape
    pairs = candidates.parents_M2.sort(1).values
    n_anchors, n_pairs = len(pairs.unique()), len((pairs[:, 0] * n_latents + pairs[:, 1]).unique())
    return n_anchors * n_dimensions + n_pairs * _PER_PAIR < len(pairs) * (n_dimensions + _PER_POINT)
