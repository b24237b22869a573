r"""The kernel distance (KID) between two sets of features.

    KD = mean_{i != i'} k(x_i, x_i') + mean_{j != j'} k(y_j, y_j') - 2 mean_{i,j} k(x_i, y_j)
    k(a, b) = (a.b / F + 1)^3

the unbiased estimate of the squared maximum mean discrepancy: Binkowski et al., Demystifying MMD GANs, 2018. Being
unbiased it may be below 0, and figures of different numbers of examples can be compared. It depends on the scale of the
features and on their origin. All pairs are used, where torch-fidelity averages over random subsets.
"""

import torch
from torch import Tensor

from lds_mlflow.errors import DataError
from lds_mlflow.machine.arrays import taking_arrays
from lds_mlflow.metrics.estimates import Estimate

__all__ = ["kernel_distance"]

_TILE_ENTRIES = 2**22


@taking_arrays
def kernel_distance(real_NF: Tensor, fake_MF: Tensor) -> Estimate:
    """Returns the kernel distance of two sets of features with the influence of every example.

    Args:
        real_NF: Features of real examples, float [N, F].
        fake_MF: Features of samples, float [M, F].

    Raises:
        DataError: A set has fewer than two rows, or a feature is not finite.
    """
    if min(len(real_NF), len(fake_MF)) < 2 or not (real_NF.isfinite().all() and fake_MF.isfinite().all()):
        raise DataError(
            "the kernel distance",
            found=f"{len(real_NF)} real examples and {len(fake_MF)} samples, or features that are not finite",
            expected="at least 2 of each, of finite numbers",
            remedy="Evaluate more samples, of a model whose training has not diverged.",
        )
    real, fake = real_NF.double(), fake_MF.double()
    within_real, within_fake = _row_means(real, real, own=True), _row_means(fake, fake, own=True)
    across_real, across_fake = _row_means(real, fake), _row_means(fake, real)
    by_real, by_fake = (
        2 * (within - across) for within, across in ((within_real, across_real), (within_fake, across_fake))
    )
    value = within_real.mean() + within_fake.mean() - 2 * across_real.mean()
    return Estimate(value.item(), (by_real - by_real.mean()).cpu(), (by_fake - by_fake.mean()).cpu())


def _row_means(x_NF: Tensor, y_MF: Tensor, *, own: bool = False) -> Tensor:
    """Returns the mean kernel of each x with all y, [N]; where y is x itself, with all others."""
    some = max(1, _TILE_ENTRIES // len(y_MF))
    sums = torch.cat([(x @ y_MF.T / x.shape[1] + 1).pow(3).sum(1) for x in x_NF.split(some)])
    if own:
        return (sums - (x_NF.square().sum(1) / x_NF.shape[1] + 1).pow(3)) / (len(y_MF) - 1)
    return sums / len(y_MF)
