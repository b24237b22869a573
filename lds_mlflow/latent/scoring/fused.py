r"""Kernels that fuse what torch does in many passes over memory, compiled by numba for the CPU (the extra "fast").

The exponential is 2^n 2^f, with n = floor(x log2 e) put into the exponent bits and 2^f, f in [0, 1), by a polynomial of
degree 5 that is 1 at f = 0 (by Chebyshev interpolation; relative error 2e-7). It is cut at 2^-126, the smallest normal
number, and 2^127.
"""

from typing import Any

from llvmlite.binding import get_host_cpu_features
from numba import config, njit, prange, set_num_threads
from numpy import empty, float32, int32, int64
from numpy.typing import NDArray

__all__ = ["accumulate_logsumexp", "add_pair_power_sums", "exp_of_multiple", "exp_of_shifted", "limit_threads"]

_SETTINGS, _FEATURES = vars(config), get_host_cpu_features()
if _FEATURES.get("avx512f") and _SETTINGS.get("CPU_FEATURES") is None:
    # LLVM prefers vectors of 256 bits; these loops are a quarter faster with 512. It holds for all that this process
    # compiles by numba from here on.
    _SETTINGS["CPU_FEATURES"] = f"{_FEATURES.flatten()},-prefer-256-bit"

_LOG2_E = float32(1.4426950408889634)
_SMALLEST, _LARGEST, _BIAS = float32(-126), float32(127), 127
_OUTGROWN = float32(1e15)
_C1, _C2 = float32(0.6931475676), float32(0.2402071942)
_C3, _C4, _C5 = float32(0.05565705439), float32(0.0091993876), float32(0.001788368741)


def limit_threads(n: int) -> None:
    """Lets the kernels use n threads, or as many as numba started with."""
    set_num_threads(min(n, _SETTINGS["NUMBA_NUM_THREADS"]))


@njit(inline="always", fastmath=True)
def _exp(x: float32) -> float32:
    t = min(max(x * _LOG2_E, _SMALLEST), _LARGEST)
    # The floor, by cutting off what is positive: math.floor gives an int64, as does the difference of two int32, which
    # would halve the width of the vectors.
    biased = int32(t + float32(_BIAS))
    f = t - float32(int32(biased - int32(_BIAS)))
    p = float32(1) + f * (_C1 + f * (_C2 + f * (_C3 + f * (_C4 + f * _C5))))
    return p * int32(biased << int32(23)).view(float32)


@njit(parallel=True, fastmath=True, cache=True)
def accumulate_logsumexp(
    exponents: NDArray[float32], columns: NDArray[float32], top: NDArray[float32], total: NDArray[float32]
) -> None:
    """Adds exp(exponents + columns) to running sums of rows, which are total * exp(top).

    Args:
        exponents: float32 [rows, columns].
        columns: Added to every row, float32 [columns].
        top: An exponent near the largest so far, float32 [rows]; changed.
        total: Sum of exponentials relative to it, float32 [rows]; changed.
    """
    for r in prange(exponents.shape[0]):
        row = exponents[r]
        added = float32(0)
        for k in range(row.shape[0]):
            added += _exp(row[k] + columns[k] - top[r])
        # A maximum doesn't vectorise: it is taken only where the exponents have outgrown the one that there is.
        if added > _OUTGROWN:
            largest = top[r]
            for k in range(row.shape[0]):
                largest = max(largest, row[k] + columns[k])
            added = float32(0)
            for k in range(row.shape[0]):
                added += _exp(row[k] + columns[k] - largest)
            total[r] *= _exp(top[r] - largest)
            top[r] = largest
        total[r] += added


@njit(parallel=True, fastmath=True, cache=True)
def exp_of_shifted(
    exponents: NDArray[float32], rows: NDArray[float32], columns: NDArray[float32], factor: float32
) -> NDArray[float32]:
    """Sets exponents = exp(factor * (exponents + rows + columns)), and returns the largest of each row.

    Args:
        exponents: float32 [rows, columns]; changed.
        rows: Added to every column, float32 [rows].
        columns: Added to every row, float32 [columns].
        factor: What the sums are multiplied by.
    """
    largest = empty(exponents.shape[0], dtype=float32)
    for r in prange(exponents.shape[0]):
        row = exponents[r]
        # Of positive numbers the bits are in order too, and a maximum of integers vectorises.
        top = int32(0)
        for k in range(row.shape[0]):
            value = float32(_exp(factor * (row[k] + rows[r] + columns[k])))
            row[k] = value
            top = max(top, int32(value.view(int32)))
        largest[r] = int32(top).view(float32)
    return largest


@njit(parallel=True, fastmath=True, cache=True)
def exp_of_multiple(exponents: NDArray[float32], factor: float32, out: NDArray[float32]) -> None:
    """Sets out = exp(factor * exponents), all float32 [rows, columns]."""
    for r in prange(exponents.shape[0]):
        for k in range(exponents.shape[1]):
            out[r, k] = _exp(factor * exponents[r, k])


@njit(parallel=True, fastmath=True, cache=True)
def add_pair_power_sums(x: NDArray[Any], first: NDArray[int64], second: NDArray[int64], sums: NDArray[Any]) -> None:
    """Adds sum_k u_k^(10-t) v_k^t for t = 1..9 to sums[p, t - 1], with u, v the rows first[p] and second[p] of x."""
    for p in prange(first.shape[0]):
        row_u, row_v = x[first[p]], x[second[p]]
        s1 = s2 = s3 = s4 = s5 = s6 = s7 = s8 = s9 = x.dtype.type(0)
        for k in range(x.shape[1]):
            u, v = row_u[k], row_v[k]
            u2, v2, q = u * u, v * v, u * v
            u4, v4, q2 = u2 * u2, v2 * v2, q * q
            q4 = q2 * q2
            s1 += q * (u4 * u4)
            s2 += q2 * (u4 * u2)
            s3 += (q2 * q) * u4
            s4 += q4 * u2
            s5 += q4 * q
            s6 += q4 * v2
            s7 += (q2 * q) * v4
            s8 += q2 * (v4 * v2)
            s9 += q * (v4 * v4)
        for t, s in enumerate((s1, s2, s3, s4, s5, s6, s7, s8, s9)):
            sums[p, t] += s
