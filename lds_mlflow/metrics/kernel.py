r"""The kernel distance (KID) between two sets of features.

    KD = mean_{i != i'} k(x_i, x_i') + mean_{j != j'} k(y_j, y_j') - 2 mean_{i,j} k(x_i, y_j)
    k(a, b) = (a.b / F + 1)^3

the unbiased estimate of the squared maximum mean discrepancy: Binkowski et al., Demystifying MMD GANs, 2018. Being
unbiased it may be below 0, and figures of different numbers of examples can be compared. It depends on the scale of the
features and on their origin. All pairs are used, where torch-fidelity averages over random subsets.

CMMD (Jayasumana et al., Rethinking FID: Towards a Better Evaluation Metric for Image Generation, 2024) is the same
distance of CLIP's embeddings, brought to the length 1, by a Gaussian kernel, k(a, b) = exp(-|a - b|^2 / 200), times
1,000. Its authors take the estimate that has the pairs of an example and itself, and with it a bias of about 1/N.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from lds_mlflow.errors import DataError
from lds_mlflow.machine.arrays import taking_arrays
from lds_mlflow.metrics.estimates import Estimate

__all__ = ["clip_distance", "kernel_distance"]

_TILE_ENTRIES = 2**22
_CLIP_BANDWIDTH, _CLIP_SCALE = 10, 1000

Kernel = Callable[[Tensor, Tensor], Tensor]
"""Maps rows [N, F] and [M, F] to their kernels, [N, M]."""


@taking_arrays
def kernel_distance(real_NF: Tensor, fake_MF: Tensor) -> Estimate:
    """Returns the kernel distance of two sets of features with the influence of every example.

    Args:
        real_NF: Features of real examples, float [N, F].
        fake_MF: Features of samples, float [M, F].

    Raises:
        DataError: A set has fewer than two rows, or a feature is not finite.
    """
    real, fake = _finite(real_NF, fake_MF, "the kernel distance")
    within_real, within_fake = (
        (_row_sums(x_NF, x_NF, _cubic) - (x_NF.square().sum(1) / x_NF.shape[1] + 1).pow(3)) / (len(x_NF) - 1)
        for x_NF in (real, fake)
    )
    return _discrepancy(real, fake, _cubic, within_real, within_fake)


@taking_arrays
def clip_distance(real_NF: Tensor, fake_MF: Tensor) -> Estimate:
    """Returns the CMMD of two sets of CLIP's embeddings with the influence of every example.

    Args:
        real_NF: Embeddings of real examples, float [N, F], of any length above 0.
        fake_MF: Embeddings of samples, float [M, F].

    Raises:
        DataError: A set has fewer than two rows, or an embedding is not finite.
    """
    real, fake = _finite(real_NF, fake_MF, "the CMMD")
    real, fake = functional.normalize(real), functional.normalize(fake)
    within_real, within_fake = (_row_sums(x_NF, x_NF, _gaussian) / len(x_NF) for x_NF in (real, fake))
    found = _discrepancy(real, fake, _gaussian, within_real, within_fake)
    return Estimate(_CLIP_SCALE * found.value, _CLIP_SCALE * found.by_real_N, _CLIP_SCALE * found.by_sample_S)


def _finite(real_NF: Tensor, fake_MF: Tensor, what: str) -> tuple[Tensor, Tensor]:
    """Returns two sets of features in float64, in which there are enough rows."""
    if min(len(real_NF), len(fake_MF)) < 2 or not (real_NF.isfinite().all() and fake_MF.isfinite().all()):
        raise DataError(
            what,
            found=f"{len(real_NF)} real examples and {len(fake_MF)} samples, or features that are not finite",
            expected="at least 2 of each, of finite numbers",
            remedy="Evaluate more samples, of a model whose training has not diverged.",
        )
    return real_NF.double(), fake_MF.double()


def _cubic(x_NF: Tensor, y_MF: Tensor) -> Tensor:
    return (x_NF @ y_MF.T / x_NF.shape[1] + 1).pow(3)


def _gaussian(x_NF: Tensor, y_MF: Tensor) -> Tensor:
    return torch.exp(-torch.cdist(x_NF, y_MF).square() / (2 * _CLIP_BANDWIDTH**2))


def _discrepancy(
    real_NF: Tensor, fake_MF: Tensor, kernel: Kernel, within_real_N: Tensor, within_fake_M: Tensor
) -> Estimate:
    """Returns the squared maximum mean discrepancy, by the mean kernels of each row and its own set."""
    across_real = _row_sums(real_NF, fake_MF, kernel) / len(fake_MF)
    across_fake = _row_sums(fake_MF, real_NF, kernel) / len(real_NF)
    by_real, by_fake = (
        2 * (within - across) for within, across in ((within_real_N, across_real), (within_fake_M, across_fake))
    )
    value = within_real_N.mean() + within_fake_M.mean() - 2 * across_real.mean()
    return Estimate(value.item(), (by_real - by_real.mean()).cpu(), (by_fake - by_fake.mean()).cpu())


def _row_sums(x_NF: Tensor, y_MF: Tensor, kernel: Kernel) -> Tensor:
    """Returns the sum of the kernels of each x with all y, [N]."""
    some = max(1, _TILE_ENTRIES // len(y_MF))
    return torch.cat([kernel(x, y_MF).sum(1) for x in x_NF.split(some)])
