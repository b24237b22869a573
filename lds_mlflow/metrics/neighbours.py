r"""Fidelity and diversity by neighbours in feature space.

With B(x) the open ball around x that reaches to the k-th nearest other point of x's own set, N real images x_i and M
samples y_j:

    precision = 1/M sum_j [y_j in some B(x_i)]       density  = 1/(k M) sum_j sum_i [y_j in B(x_i)]
    recall    = 1/N sum_i [x_i in some B(y_j)]       coverage = 1/N sum_i [some y_j in B(x_i)]

Precision and recall: Kynkaanniemi et al., Improved Precision and Recall Metric for Assessing Generative Models, 2019.
Density and coverage: Naeem et al., Reliable Fidelity and Diversity Metrics for Generative Models, 2020, equations 3, 4.
Density can exceed 1, and rises when samples crowd where real images are dense; coverage is a share: two numbers.

Distances are those of matrix products in float32. What rounding leaves in doubt is computed again by differences in
float64, and compared as prdc, the code of Naeem et al., does: rounded to the type of the features, strictly.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from lds_mlflow.errors import DataError

__all__ = ["DensityCoverage", "PrecisionRecall", "density_and_coverage", "precision_and_recall"]

_TILE_ENTRIES, _EXACT_ENTRIES = 2**24, 2**22
_SPARE = 3


class DensityCoverage(NamedTuple):
    """Density, 0 or above, and coverage, 0..1."""

    density: float
    coverage: float


class PrecisionRecall(NamedTuple):
    """Precision and recall, 0..1."""

    precision: float
    recall: float


def density_and_coverage(real_NF: Tensor, fake_MF: Tensor, *, k: int = 5) -> DensityCoverage:
    """Measures samples by how many balls of real images they lie in, and how many balls they reach.

    Args:
        real_NF: Features of real images, float [N, F].
        fake_MF: Features of samples, float [M, F].
        k: Which neighbour sets the radius of a ball.

    Raises:
        DataError: There are k real images or fewer, or no samples, or a feature is not finite.
    """
    _require("density and coverage", real_NF, fake_MF, needed_real=k + 1, needed_fake=1, k=k)
    held_N, _ = _occupancy(*_comparable(real_NF, fake_MF), k)
    return DensityCoverage(held_N.sum().item() / (k * len(fake_MF)), (held_N > 0).double().mean().item())


def precision_and_recall(real_NF: Tensor, fake_MF: Tensor, *, k: int = 5) -> PrecisionRecall:
    """Measures which samples lie among the real images, and which real images among the samples.

    Args:
        real_NF: Features of real images, float [N, F].
        fake_MF: Features of samples, float [M, F].
        k: Which neighbour sets the radius of a ball.

    Raises:
        DataError: There are k real images or samples, or fewer, or a feature is not finite.
    """
    _require("precision and recall", real_NF, fake_MF, needed_real=k + 1, needed_fake=k + 1, k=k)
    real, fake = _comparable(real_NF, fake_MF)
    (_, within_M), (_, within_N) = _occupancy(real, fake, k), _occupancy(fake, real, k)
    return PrecisionRecall((within_M > 0).double().mean().item(), (within_N > 0).double().mean().item())


def _require(what: str, real_NF: Tensor, fake_MF: Tensor, *, needed_real: int, needed_fake: int, k: int) -> None:
    if len(real_NF) < needed_real or len(fake_MF) < needed_fake:
        many = f"more than k = {k}"
        raise DataError(
            what,
            found=f"{len(real_NF)} real images and {len(fake_MF)} samples",
            expected=f"{many} real images, and {'a sample' if needed_fake == 1 else f'{many} samples'}",
            remedy="Bring more held-out images, or lower k_neighbours.",
        )
    # A sum is finite only if all of it is, and takes no table of its own.
    if not (real_NF.sum(1).isfinite().all() and fake_MF.sum(1).isfinite().all()):
        raise DataError(
            what,
            found="features that are not all finite",
            expected="finite numbers",
            remedy="Evaluate samples of a model whose training has not diverged.",
        )


def _comparable(real_NF: Tensor, fake_MF: Tensor) -> tuple[Tensor, Tensor]:
    # An origin far away would cost the matrix product its digits.
    mean = real_NF.mean(0)
    if mean.square().sum() <= 4 * (_squares(real_NF).mean() - mean.square().sum()):
        return real_NF, fake_MF
    return real_NF - mean, fake_MF - mean


def _squares(x_NF: Tensor) -> Tensor:
    # A table of squares would be as large as the features.
    norms: Tensor = torch.linalg.vector_norm(x_NF, dim=1)
    return norms.square_()


def _occupancy(centres_NF: Tensor, points_MF: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Returns how many points each ball holds, int64 [N], and how many balls each point lies in, int64 [M]."""
    radius_N = _radii(centres_NF, k)
    per_centre, per_point = [], torch.zeros(len(points_MF), dtype=torch.int64, device=points_MF.device)
    for tile in _tiles(centres_NF, points_MF):
        square_R1 = radius_N[tile.rows].double().square().float()[:, None]
        inside = tile.squared_RM < square_R1
        # The radius is rounded too.
        doubt = (tile.squared_RM - square_R1).abs() <= tile.rounding_R1 + 4 * torch.finfo(torch.float32).eps * square_R1
        pairs = doubt.nonzero()
        pairs[:, 0] += tile.rows.start
        inside[doubt] = _distances(centres_NF, points_MF, pairs) < radius_N[pairs[:, 0]]
        per_centre.append(inside.sum(1))
        per_point += inside.sum(0)
    return torch.cat(per_centre), per_point


def _radii(x_NF: Tensor, k: int) -> Tensor:
    """Returns the distance of each point to its k-th nearest other, of the features' type, [N]."""
    wanted, found = min(k + _SPARE, len(x_NF) - 1), []
    for tile in _tiles(x_NF, x_NF):
        own = torch.arange(tile.rows.start, tile.rows.stop, device=x_NF.device)
        tile.squared_RM[own - tile.rows.start, own] = torch.inf
        nearest = tile.squared_RM.topk(wanted, largest=False)
        kth = nearest.values[:, k - 1 : k]
        doubt = (nearest.values - kth).abs() <= 2 * tile.rounding_R1
        certain = (nearest.values < kth) & ~doubt
        pairs = torch.stack([own.repeat_interleave(doubt.sum(1)), nearest.indices[doubt]], dim=1)
        distances = torch.full_like(nearest.values, torch.inf, dtype=x_NF.dtype)
        distances[doubt] = _distances(x_NF, x_NF, pairs)
        radius = distances.sort(1).values.gather(1, k - 1 - certain.sum(1, keepdim=True)).flatten()
        # With doubt up to the last there may be more that were not kept.
        for row in doubt[:, -1].nonzero().flatten().tolist() if wanted < len(x_NF) - 1 else ():
            radius[row] = _exact_radius(x_NF, tile.rows.start + row, k)
        found.append(radius)
    return torch.cat(found)


def _exact_radius(x_NF: Tensor, row: int, k: int) -> Tensor:
    others = torch.arange(len(x_NF), device=x_NF.device)
    others = others[others != row]
    radius: Tensor = _distances(x_NF, x_NF, torch.stack([torch.full_like(others, row), others], 1)).kthvalue(k).values
    return radius


class _Tile(NamedTuple):
    rows: slice
    squared_RM: Tensor
    rounding_R1: Tensor


def _tiles(x_NF: Tensor, y_MF: Tensor) -> Iterator[_Tile]:
    """Yields rows of squared distances in float32, and by how much they may be off, in tiles of bounded memory."""
    x, y = x_NF.float(), y_MF.float()
    square_N, square_M = _squares(x), _squares(y)
    # A sum of n products is off by some sqrt(n) roundings (Higham & Mary 2019).
    rounding = 4 * x.shape[1] ** 0.5 * torch.finfo(torch.float32).eps
    height = max(1, _TILE_ENTRIES // len(y))
    buffer = x.new_empty(min(height, len(x)), len(y))
    for start in range(0, len(x), height):
        rows = slice(start, min(start + height, len(x)))
        squared = torch.mm(x[rows], y.T, out=buffer[: rows.stop - start])
        squared.mul_(-2).add_(square_N[rows, None]).add_(square_M)
        yield _Tile(rows, squared, rounding * (square_N[rows, None] + square_M.max()))


def _distances(x_NF: Tensor, y_MF: Tensor, pairs_P2: Tensor) -> Tensor:
    """Returns the distances of pairs by differences in float64, rounded to the type of the features, [P]."""
    some = max(1, _EXACT_ENTRIES // x_NF.shape[1])
    squared = [
        (x_NF[pairs[:, 0]].double() - y_MF[pairs[:, 1]].double()).square().sum(1) for pairs in pairs_P2.split(some)
    ]
    # prdc rounds the square, and takes the root of that.
    return torch.cat(squared).to(x_NF.dtype).sqrt()
