"""How much memory a piece of work takes beyond its data, at its peak, in a process of its own. Linux alone."""

import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

from lds_mlflow.machine.memory import forget_peak, peak_bytes

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
    extra, seconds = receiver.recv()
    process.join()
    return extra / 2**20, seconds


def _measure(sender: Connection, prepare: Prepare, arguments: tuple[object, ...]) -> None:
    work = prepare(*arguments)
    # A child inherits its parent's peak.
    forget_peak()
    before, begin = peak_bytes(), time.perf_counter()
    work()
    seconds = time.perf_counter() - begin
    sender.send((peak_bytes() - before, seconds))
