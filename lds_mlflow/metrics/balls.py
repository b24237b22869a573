r"""Balls around points that reach to their k-th nearest other, and which points lie in them.

Distances are those of matrix products in float32. What rounding leaves in doubt is computed again by differences in
float64, and compared as prdc, the code of Naeem et al. (2020), does: rounded to the type of the features, strictly.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["Balls", "balls_around", "comparable", "count_inside", "nearest", "sum_inside"]

_TILE_ENTRIES, _EXACT_ENTRIES = 2**24, 2**22
_SPARE = 3


class Balls(NamedTuple):
    """Open balls.

    Attributes:
        centres_NF: Their centres.
        radius_N: Their radii: the distance to the k-th nearest other centre, of the features' type.
        next_N: The distance to the one after it, rounded; infinite where there is none.
        nearest_Nk: Rows of the k nearest other centres, int64.
    """

    centres_NF: Tensor
    radius_N: Tensor
    next_N: Tensor
    nearest_Nk: Tensor


def balls_around(x_NF: Tensor, k: int) -> Balls:
    """Returns the balls around points, float [N, F], with N above k."""
    wanted, radii, following, rows_of_nearest = min(k + _SPARE, len(x_NF) - 1), [], [], []
    for tile in _tiles(x_NF, x_NF):
        own = torch.arange(tile.rows.start, tile.rows.stop, device=x_NF.device)
        tile.partial_BM[own - tile.rows.start, own] = torch.inf
        nearest = tile.partial_BM.topk(wanted, largest=False)
        kth = nearest.values[:, k - 1 : k]
        doubt = (nearest.values - kth).abs() <= 2 * tile.rounding_B1
        certain = (nearest.values < kth) & ~doubt
        pairs = torch.stack([own.repeat_interleave(doubt.sum(1)), nearest.indices[doubt]], dim=1)
        distances = torch.full_like(nearest.values, torch.inf, dtype=x_NF.dtype)
        distances[doubt] = _distances(x_NF, x_NF, pairs)
        radius = distances.sort(1).values.gather(1, k - 1 - certain.sum(1, keepdim=True)).flatten()
        # With doubt up to the last there may be more that were not kept.
        for row in doubt[:, -1].nonzero().flatten().tolist() if wanted < len(x_NF) - 1 else ():
            radius[row] = _exact_radius(x_NF, tile.rows.start + row, k)
        radii.append(radius)
        beyond = nearest.values[:, k:] + tile.square_B1 if wanted > k else torch.full_like(kth, torch.inf)
        following.append(beyond[:, 0].clamp(min=0).sqrt())
        rows_of_nearest.append(nearest.indices[:, :k])
    return Balls(x_NF, torch.cat(radii), torch.cat(following), torch.cat(rows_of_nearest))


def count_inside(balls: Balls, points_MF: Tensor) -> tuple[Tensor, Tensor]:
    """Returns how many points each ball holds, int64 [N], and how many balls each point lies in, int64 [M]."""
    per_ball, per_point = [], torch.zeros(len(points_MF), dtype=torch.int64, device=points_MF.device)
    for _, inside in _memberships(balls, points_MF):
        per_ball.append(inside.sum(1))
        per_point += inside.sum(0)
    return torch.cat(per_ball), per_point


def sum_inside(balls: Balls, points_MF: Tensor, weight_N: Tensor, weight_M: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the summed weights of the points in each ball, float64 [N], and of the balls around each point, [M]."""
    weight_N, weight_M = weight_N.float(), weight_M.float()
    per_ball, per_point = [], torch.zeros(len(points_MF), dtype=torch.float64, device=points_MF.device)
    for rows, inside in _memberships(balls, points_MF):
        member = inside.float()
        per_ball.append((member @ weight_M).double())
        per_point += weight_N[rows] @ member
    return torch.cat(per_ball), per_point


def nearest(x_NF: Tensor, y_MF: Tensor, n: int = 1) -> tuple[Tensor, Tensor]:
    """Returns the distances, ascending, of each x to its n nearest y, float64 [N, n], and their rows, int64 [N, n]."""
    wanted, distances, rows_of_nearest = min(n + _SPARE, len(y_MF)), [], []
    for tile in _tiles(x_NF, y_MF):
        partial, indices = tile.partial_BM.topk(wanted, largest=False)
        own = torch.arange(tile.rows.start, tile.rows.stop, device=x_NF.device).repeat_interleave(wanted)
        pairs = torch.stack([own, indices.flatten()], dim=1)
        rising = _distances(x_NF, y_MF, pairs, torch.float64).reshape(-1, wanted).sort(1)
        distance, row_of_nearest = rising.values[:, :n], indices.gather(1, rising.indices[:, :n])
        # With doubt up to the last there may be nearer ones that were not kept.
        limit = partial[:, min(n, wanted) - 1, None] + 2 * tile.rounding_B1
        for row in (partial[:, -1:] <= limit).nonzero()[:, 0].tolist() if wanted < len(y_MF) else ():
            some = (tile.partial_BM[row] <= limit[row]).nonzero().flatten()
            pairs = torch.stack([torch.full_like(some, tile.rows.start + row), some], 1)
            exact = _distances(x_NF, y_MF, pairs, torch.float64).sort()
            distance[row], row_of_nearest[row] = exact.values[:n], some[exact.indices[:n]]
        distances.append(distance)
        rows_of_nearest.append(row_of_nearest)
    return torch.cat(distances), torch.cat(rows_of_nearest)


def _memberships(balls: Balls, points_MF: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Yields rows of balls, and which points lie in them, bool [B, M]."""
    for tile in _tiles(balls.centres_NF, points_MF):
        radius_B1 = balls.radius_N[tile.rows, None].double()
        limit_B1 = radius_B1.square() - tile.square_B1
        # The radius is rounded too.
        rounding_B1 = tile.rounding_B1 + 4 * torch.finfo(torch.float32).eps * radius_B1.square()
        inside = tile.partial_BM <= (limit_B1 + rounding_B1).float()
        doubt = inside ^ (tile.partial_BM < (limit_B1 - rounding_B1).float())
        pairs = doubt.nonzero()
        pairs[:, 0] += tile.rows.start
        inside[doubt] = _distances(balls.centres_NF, points_MF, pairs) < balls.radius_N[pairs[:, 0]]
        yield tile.rows, inside


def comparable(real_NF: Tensor, fake_MF: Tensor) -> tuple[Tensor, Tensor]:
    """Returns both sets with an origin among them: one far away would cost the matrix product its digits."""
    mean = real_NF.mean(0)
    if mean.square().sum() <= 4 * (_squares(real_NF).mean() - mean.square().sum()):
        return real_NF, fake_MF
    return real_NF - mean, fake_MF - mean


def _squares(x_NF: Tensor) -> Tensor:
    # A table of squares would be as large as the features.
    norms: Tensor = torch.linalg.vector_norm(x_NF, dim=1)
    return norms.square_()


def _exact_radius(x_NF: Tensor, row: int, k: int) -> Tensor:
    others = torch.arange(len(x_NF), device=x_NF.device)
    others = others[others != row]
    radius: Tensor = _distances(x_NF, x_NF, torch.stack([torch.full_like(others, row), others], 1)).kthvalue(k).values
    return radius


class _Tile(NamedTuple):
    """Rows of squared distances, less |x|^2, which is the same all along a row; and by how much they may be off."""

    rows: slice
    partial_BM: Tensor
    square_B1: Tensor
    rounding_B1: Tensor


def _tiles(x_NF: Tensor, y_MF: Tensor) -> Iterator[_Tile]:
    """Yields rows of squared distances in float32, in tiles of bounded memory."""
    x, y = x_NF.float(), y_MF.float()
    square_N, square_M = _squares(x), _squares(y)
    # A sum of n products is off by some sqrt(n) roundings (Higham & Mary 2019).
    rounding = 4 * x.shape[1] ** 0.5 * torch.finfo(torch.float32).eps
    height = max(1, _TILE_ENTRIES // len(y))
    buffer = x.new_empty(min(height, len(x)), len(y))
    for start in range(0, len(x), height):
        rows = slice(start, min(start + height, len(x)))
        partial = torch.addmm(square_M, x[rows], y.T, alpha=-2, out=buffer[: rows.stop - start])
        yield _Tile(rows, partial, square_N[rows, None], rounding * (square_N[rows, None] + square_M.max()))


def _distances(x_NF: Tensor, y_MF: Tensor, pairs_P2: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """Returns the distances of pairs by differences in float64, rounded to a type, by default the features', [P]."""
    some = max(1, _EXACT_ENTRIES // x_NF.shape[1])
    squared = [
        (x_NF[pairs[:, 0]].double() - y_MF[pairs[:, 1]].double()).square().sum(1) for pairs in pairs_P2.split(some)
    ]
    # prdc rounds the square, and takes the root of that. The root is taken in float64: on some processors torch's in
    # float32 is a rounding off, and of one in float64 the rounding is right.
    rounded = torch.cat(squared).to(dtype or x_NF.dtype)
    return rounded.double().sqrt().to(rounded.dtype)
