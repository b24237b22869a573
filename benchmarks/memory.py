"""How much memory a piece of work takes beyond its data, at its peak, in a process of its own. Linux alone."""

import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

__all__ = ["peak_extra_mib"]

Prepare = Callable[..., Callable[[], object]]


def peak_extra_mib(prepare: Prepare, *arguments: object) -> tuple[float, float]:
    """Returns the peak above what was held before the work, in MiB, and how long it took, in seconds.

    Args:
        prepare: Makes the data and returns the work on it; a function of a module, since another process calls it.
        arguments: Its arguments.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_measure, args=(sender, prepare, arguments))
    process.start()
    extra_kib, seconds = receiver.recv()
    process.join()
    return extra_kib / 1024, seconds


def _measure(sender: Connection, prepare: Prepare, arguments: tuple[object, ...]) -> None:
    work = prepare(*arguments)
    # Forget the peak so far, which a child inherits from its parent.
    Path("/proc/self/clear_refs").write_text("5")
    before, begin = _resident_kib("VmRSS"), time.perf_counter()
    work()
    seconds = time.perf_counter() - begin
    sender.send((_resident_kib("VmHWM") - before, seconds))


def _resident_kib(name: str) -> int:
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith(name))
