"""The digests by which examples are recognised, whatever their names."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from torch import Tensor

from lds_mlflow.values import content_of

__all__ = ["digests_of_rows"]

_TOGETHER = 64
"""Rows of which at most one copy at a time is made, if they aren't contiguous."""
_LARGE = 2**16
"""Bytes of a row that take longer to digest than a thread takes to wait for Python's lock."""


def digests_of_rows(digest: Callable[[memoryview], str], rows_N: Tensor) -> list[str]:
    """Computes a digest of the numbers of every row, by all cores if the rows are large.

    Args:
        digest: Maps the bytes of one row to its digest.
        rows_N: The rows, [N, ...].

    Returns:
        N digests.
    """
    parts = rows_N.split(_TOGETHER)
    compute = partial(_digests, digest)
    if rows_N[:1].nbytes < _LARGE:
        return [found for part in parts for found in compute(part)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return [found for part in pool.map(compute, parts) for found in part]


def _digests(digest: Callable[[memoryview], str], rows_N: Tensor) -> list[str]:
    numbers, size = content_of(rows_N)[1], rows_N[:1].nbytes
    return [digest(numbers[row * size : (row + 1) * size]) for row in range(len(rows_N))]
