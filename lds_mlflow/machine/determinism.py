"""The same bits from a GPU each time, where somebody asks for them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["deterministic"]


@contextmanager
def deterministic(wanted: bool) -> Iterator[None]:
    """Inside this context torch takes algorithms alone whose results are the same bits each time, if that is wanted.

    On a CPU torch does so anyway, by one number of threads. On a GPU others are often faster; what has no deterministic
    algorithm raises a RuntimeError.
    """
    before = torch.are_deterministic_algorithms_enabled()
    if wanted:
        # cuBLAS may otherwise split its sums by the memory that it finds; torch asks for one of two settings.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(wanted or before)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
