r"""Near-duplicates across the parts: held-out images that a model has nearly seen.

Exact copies never fall on two sides (splits.py). Copies that were resized, compressed again or made brighter may. They
are found by thumbnails in colour, at most 16x16, each channel without its mean, x of unit length over all channels:

    correlation of two images = cosine of W x and W y,    W^T W = (1/N sum_k x_k x_k^T + r I)^-1,    r = 0.003 + 1/N

Images of one kind of thing are alike: without W, different trousers correlate above 0.99. W takes out what the images
of the set share, and leaves what tells one from another (whitening before the cosine: Jegou & Chum, Negative Evidences
and Co-occurrences in Image Retrieval, 2012). The ridge r keeps directions in which images differ no more than a copy
does from its original from counting as much as the others; 1/N is what an image itself adds to the sum.

Mirrored copies aren't looked for: none were in FairFace, and in FashionMNIST hundreds of symmetric trousers were found.
"""

from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from lds_mlflow.values import Splits

__all__ = ["DuplicatePair", "NearDuplicates", "near_duplicates"]

_SIDE = 16
_FLAT = 0.5
"""Grey levels: a thumbnail that deviates less from its means, as root mean square, shows nothing to compare."""
_RIDGE = 0.003
_KEPT = 10_000
_TILE_SIDE, _BATCH_ENTRIES = 2048, 2**24


class DuplicatePair(NamedTuple):
    """Two images of different parts that are nearly one picture.

    Attributes:
        part_i: The part of the first, such as "train".
        part_j: The part of the second.
        i: Row of the first in its part.
        j: Row of the second in its part.
        image_i: Name of the first.
        image_j: Name of the second.
        correlation: Of their thumbnails, at most 1.
    """

    part_i: str
    part_j: str
    i: int
    j: int
    image_i: str
    image_j: str
    correlation: float


@dataclass(frozen=True, slots=True)
class NearDuplicates:
    """What was found across the parts.

    Attributes:
        counts: How many pairs there are between two parts, by their names.
        pairs: The closest pairs, at most 10,000, the closest first.
    """

    counts: dict[tuple[str, str], int]
    pairs: tuple[DuplicatePair, ...]

    @property
    def total(self) -> int:
        """Number of all pairs, including those that `pairs` leaves out."""
        return sum(self.counts.values())


def near_duplicates(splits: Splits, *, threshold: float = 0.96) -> NearDuplicates:
    """Finds pairs of images in different parts that are nearly one picture.

    Brightness, contrast, compression and a resize leave the correlation near 1, as long as the thumbnail shows no blur;
    a shift or a crop by more than a pixel of the thumbnail doesn't. A flat image is nobody's near-duplicate.

    Args:
        splits: The three parts, of images of one size.
        threshold: The least correlation of a near-duplicate, above 0. What the default finds: docs/results.md.
    """
    parts = {"train": splits.train, "select": splits.select, "test": splits.test}
    features = _decorrelated({name: _standardised(part.images_NCHW) for name, part in parts.items()})
    counts: dict[tuple[str, str], int] = {}
    found: list[DuplicatePair] = []
    for one, other in combinations(parts, 2):
        counts[one, other], closest = _matches(features[one], features[other], threshold)
        found += [
            DuplicatePair(one, other, i, j, parts[one].ids_N[i], parts[other].ids_N[j], min(correlation, 1.0))
            for correlation, i, j in zip(*(tensor.tolist() for tensor in closest), strict=True)
        ]
    found.sort(key=lambda pair: (-pair.correlation, pair.image_i, pair.image_j))
    return NearDuplicates(counts, tuple(found[:_KEPT]))


class _Matches(NamedTuple):
    correlation_P: Tensor
    i_P: Tensor
    j_P: Tensor

    def closest(self) -> "_Matches":
        order = self.correlation_P.argsort(descending=True, stable=True)[:_KEPT]
        return _Matches(*(tensor[order] for tensor in self))


def _standardised(images_NCHW: Tensor) -> Tensor:
    """Returns thumbnails without their channels' means, of unit length or, if flat, zero; float32 [N, F]."""
    size = max(1, _BATCH_ENTRIES // images_NCHW.shape[1:].numel())
    return torch.cat([_standardised_batch(batch) for batch in images_NCHW.split(size)])


def _standardised_batch(images_NCHW: Tensor) -> Tensor:
    side = [min(_SIDE, pixels) for pixels in images_NCHW.shape[2:]]
    thumbnails = interpolate(images_NCHW.float(), side, mode="bilinear", antialias=True)
    x_NF = (thumbnails - thumbnails.mean((2, 3), keepdim=True)).flatten(1)
    length_N1 = torch.linalg.vector_norm(x_NF, dim=1, keepdim=True)
    return torch.where(length_N1 > _FLAT * x_NF.shape[1] ** 0.5, x_NF / length_N1, 0.0)


def _decorrelated(parts: dict[str, Tensor]) -> dict[str, Tensor]:
    """Returns W x, of unit length or zero, for the rows x of every part."""
    n = sum(map(len, parts.values()))
    moment_FF = torch.stack([x_NF.T @ x_NF for x_NF in parts.values()]).sum(0) / n
    moment_FF.diagonal().add_(_RIDGE + 1 / n)
    factor_FF = torch.linalg.cholesky(moment_FF)
    return {
        name: _unit(torch.linalg.solve_triangular(factor_FF, x_NF.T, upper=False).T) for name, x_NF in parts.items()
    }


def _unit(w_NF: Tensor) -> Tensor:
    return w_NF.div_(w_NF.norm(dim=1, keepdim=True).clamp_(min=1e-6))


def _matches(a_NF: Tensor, b_MF: Tensor, threshold: float) -> tuple[int, _Matches]:
    """Returns how many pairs of rows reach the threshold, and the closest of them."""
    count, kept = 0, _Matches(torch.empty(0), *torch.empty(2, 0, dtype=torch.int64))
    for top, a in enumerate(a_NF.split(_TILE_SIDE)):
        for left, b in enumerate(b_MF.split(_TILE_SIDE)):
            correlation = a @ b.T
            i, j = (correlation >= threshold).nonzero(as_tuple=True)
            count += len(i)
            new = (correlation[i, j], i + top * _TILE_SIDE, j + left * _TILE_SIDE)
            kept = _Matches(*(torch.cat(both) for both in zip(kept, new, strict=True))).closest()
    return count, kept
