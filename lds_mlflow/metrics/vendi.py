r"""The Vendi score: how many different examples a set is worth (Friedman & Dieng, The Vendi Score, 2023).

    VS = exp(-sum_k l_k log l_k)     with the eigenvalues l_k of K / n, K the cosine similarities of the features

the exponential of an entropy: 1 where all examples are alike, n where no two have anything in common. It knows no real
examples, so a model of noise has a high one: it is read beside the score of real examples.
"""

import torch
from torch import Tensor
from torch.nn import functional

from lds_mlflow.errors import DataError
from lds_mlflow.machine.arrays import taking_arrays
from lds_mlflow.metrics.estimates import Estimate

__all__ = ["vendi_score"]


@taking_arrays
def vendi_score(features_SF: Tensor, *, n_real: int = 0) -> Estimate:
    """Returns the Vendi score of features, float [S, F], with the influence of every sample.

    Args:
        features_SF: Features of samples.
        n_real: N, of the influences of real examples, which are 0.

    Raises:
        DataError: A feature is not finite, or all are 0.
    """
    directions = functional.normalize(features_SF.double(), dim=1)
    if not len(features_SF) or not directions.isfinite().all() or not directions.any():
        raise DataError(
            "the Vendi score",
            found=f"{len(features_SF)} samples whose features are not finite, or all 0",
            expected="features that have a direction",
            remedy="Evaluate samples of a model whose training has not diverged, by another feature extractor.",
        )
    # The same eigenvalues as those of the similarities, which would be a table of all pairs.
    shares, axes = torch.linalg.eigh(directions.T @ directions / len(directions))
    shares = shares.clamp(min=torch.finfo(shares.dtype).tiny)
    score = (-(shares * shares.log()).sum()).exp()
    influence = -score * ((directions @ axes).square() @ (shares.log() + 1))
    return Estimate(score.item(), torch.zeros(n_real, dtype=torch.float64), (influence - influence.mean()).cpu())
