"""Memory: what is free, and the most that this process has held since it was last asked to forget."""

import resource
from pathlib import Path

import psutil

__all__ = ["available_bytes", "forget_peak", "peak_bytes"]

_CLEAR, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")


def forget_peak() -> None:
    """Begins again at what is held now, on Linux; elsewhere the peak is that of all the process's time."""
    if _CLEAR.exists():
        _CLEAR.write_text("5")


def available_bytes() -> int:
    """Returns how much memory this machine has left, in bytes."""
    return int(psutil.virtual_memory().available)


def peak_bytes() -> int:
    """Returns the peak, in bytes."""
    if not _CLEAR.exists():
        return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    (line,) = [line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM")]
    return 1024 * int(line.split()[1])
