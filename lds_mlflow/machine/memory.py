"""Memory: what is free, what is kept when it is freed, and the most that this process has held since it began anew."""

import ctypes
import resource
import sys
from pathlib import Path

import psutil

__all__ = ["available_bytes", "forget_peak", "keep_freed_memory", "peak_bytes"]

_CLEAR, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")
# Options of mallopt by their numbers in glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEPT, _KEPT_OF_ONE = 2**30, 2**25


def keep_freed_memory() -> None:
    """Lets this process keep up to a GiB of the memory that it frees, where the C library is glibc.

    Otherwise tensors of more than some hundred KiB are given back to the system and asked for again in every step of a
    training, and the system clears each page each time: a tenth of the time of a small network (docs/results.md).
    """
    set_option = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if set_option is not None:
        set_option(_M_MMAP_THRESHOLD, _KEPT_OF_ONE)
        set_option(_M_TRIM_THRESHOLD, _KEPT)


def forget_peak() -> None:
    """Begins again at what is held now, on Linux; elsewhere the peak is that of all the process's time."""
    if _CLEAR.exists():
        _CLEAR.write_text("5")


def available_bytes(group: Path = Path("/sys/fs/cgroup")) -> int:
    """Returns how much memory this machine has left, in bytes, or the container that this process is in.

    Args:
        group: Where Linux says what a container may have; there are no such files outside of one.
    """
    free = int(psutil.virtual_memory().available)
    most = group / "memory.max"
    if not most.exists() or not (limit := most.read_text().strip()).isdecimal():
        return free
    # Copies of files are given up when memory is needed.
    counts = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    used = int((group / "memory.current").read_text()) - int(counts["inactive_file"])
    return min(free, max(int(limit) - used, 0))


def peak_bytes() -> int:
    """Returns the peak, in bytes."""
    if not _CLEAR.exists():
        return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    (line,) = [line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM")]
    return 1024 * int(line.split()[1])
