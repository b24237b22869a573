"""The inner loops of density scoring: by numba where it is installed (the extra "fast"), otherwise by torch."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from threading import Lock
from types import ModuleType

import torch
from torch import Tensor

__all__ = ["LEFT_OUT", "accumulate_logsumexp", "add_pair_power_sums", "exp_of_multiple", "exp_of_shifted", "is_fused"]

LEFT_OUT = -1e30
"""An exponent that stands for minus infinity and is still a number, as fast arithmetic needs it."""

_PAIR_ENTRIES = {"cpu": 2**18, "cuda": 2**26}

# numba's threads may be entered by one caller at a time.
_lock = Lock()


@cache
def _fused() -> ModuleType | None:
    if find_spec("numba") is None:
        return None
    # Compiled on first use, and slow to import: not before it is needed.
    return import_module("lds_mlflow.latent.scoring.fused")


def is_fused(tensor: Tensor) -> bool:
    """Returns whether numba's kernels serve this tensor: float32 on the CPU, with numba installed."""
    return tensor.device.type == "cpu" and tensor.dtype == torch.float32 and _fused() is not None


@contextmanager
def _with_threads() -> Iterator[None]:
    n = torch.get_num_threads()
    with _lock:
        _module().limit_threads(n)
        try:
            yield
        finally:
            # Where both use OpenMP, numba's start sets torch's number of threads too, and more threads than
            # cores are many times slower.
            if torch.get_num_threads() != n:
                torch.set_num_threads(n)


def accumulate_logsumexp(exponents: Tensor, columns: Tensor, top: Tensor, total: Tensor) -> None:
    """Adds exp(exponents + columns) to running sums of rows, total * exp(top), without leaving the range of the type.

    Args:
        exponents: [rows, columns]; overwritten.
        columns: Added to every row, [columns].
        top: An exponent near the largest so far, [rows]; changed. Start with LEFT_OUT.
        total: Sum of exponentials relative to it, [rows]; changed. Start with 0.
    """
    if is_fused(exponents):
        with _with_threads():
            _module().accumulate_logsumexp(exponents.numpy(), columns.numpy(), top.numpy(), total.numpy())
        return
    exponents += columns
    largest = torch.maximum(exponents.amax(1), top)
    added = exponents.sub_(largest[:, None]).exp_().sum(1)
    total.mul_((top - largest).exp_()).add_(added)
    top.copy_(largest)


def exp_of_multiple(exponents: Tensor, factor: float, out: Tensor) -> Tensor:
    """Sets and returns out = exp(factor * exponents), all [rows, columns]; `out` may be `exponents`."""
    if is_fused(exponents):
        with _with_threads():
            _module().exp_of_multiple(exponents.numpy(), exponents.numpy().dtype.type(factor), out.numpy())
        return out
    return torch.mul(exponents, factor, out=out).exp_()


def exp_of_shifted(exponents: Tensor, rows: Tensor, columns: Tensor, factor: float) -> Tensor:
    """Sets exponents = exp(factor * (exponents + rows + columns)), and returns the largest sum of each row, [rows].

    Args:
        exponents: [rows, columns]; changed.
        rows: Added to every column, [rows].
        columns: Added to every row, [columns].
        factor: What the sums are multiplied by, above 0.
    """
    if is_fused(exponents):
        with _with_threads():
            kind = exponents.numpy().dtype.type
            largest = _module().exp_of_shifted(exponents.numpy(), rows.numpy(), columns.numpy(), kind(factor))
        return torch.from_numpy(largest).log_().div_(factor)
    exponents += rows[:, None]
    exponents += columns
    top = exponents.amax(1)
    exponents.mul_(factor).exp_()
    return top


def add_pair_power_sums(x_LK: Tensor, pairs_P2: Tensor, sums_P9: Tensor) -> None:
    """Adds sum_k u_k^(10-t) v_k^t for t = 1..9 to sums_P9[:, t - 1].

    Args:
        x_LK: Rows of numbers, [L, K].
        pairs_P2: Which two rows are u and v, int64 [P, 2].
        sums_P9: The sums, float64 [P, 9]; changed.
    """
    if x_LK.device.type == "cpu" and _fused() is not None:
        first, second = pairs_P2.T.contiguous().numpy()
        with _with_threads():
            _module().add_pair_power_sums(x_LK.numpy(), first, second, sums_P9.numpy())
        return
    rows = max(1, _PAIR_ENTRIES[x_LK.device.type] // x_LK.shape[1])
    for pairs, sums in zip(pairs_P2.split(rows), sums_P9.split(rows), strict=True):
        u, v = x_LK[pairs[:, 0]], x_LK[pairs[:, 1]]
        powers_u, powers_v = _powers(u), _powers(v)
        for t in range(1, 10):
            sums[:, t - 1] += torch.linalg.vecdot(powers_u[10 - t], powers_v[t])


def _powers(u: Tensor) -> list[Tensor]:
    powers = [torch.ones_like(u), u]
    for _ in range(8):
        powers.append(powers[-1] * u)
    return powers


def _module() -> ModuleType:
    module = _fused()
    assert module is not None
    return module
