"""Worker processes that share the tasks of a command; with one worker, the command does the tasks itself."""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from threading import Thread
from time import monotonic, sleep
from typing import Any, NamedTuple

import torch

from lds_mlflow.config import Configs, StepConfig
from lds_mlflow.entry.graph import STEPS
from lds_mlflow.errors import Interrupted, WorkerError
from lds_mlflow.machine.interrupts import Interruption
from lds_mlflow.pipeline.connection import connect
from lds_mlflow.pipeline.runner import Gather, Runner

__all__ = ["Done", "number_of_workers", "share_tasks"]

_MOST = 4
_GRACE_SECONDS = 30.0

Result = dict[str, str]
_runners: list[Runner] = []


class Done(NamedTuple):
    """A task that has been done.

    Attributes:
        task: The task.
        result: What came out.
        seconds: How long it took.
    """

    task: Any
    result: Result
    seconds: float


def number_of_workers(wanted: int, device: str) -> int:
    """Returns the number of worker processes; 0 gives one per processor core (at most four), or one on a GPU."""
    if wanted:
        return wanted
    return 1 if device != "cpu" else min(_MOST, len(os.sched_getaffinity(0)))


def _nothing(_task: Any) -> None:
    return None


def share_tasks(
    runner: Runner,
    work: Callable[[Runner, Any], Result],
    tasks: Sequence[Any],
    n_workers: int,
    *,
    after: Callable[[Any], Any] = _nothing,
) -> Iterator[Done]:
    """Does tasks, in worker processes if there are several of both, and yields each as it is done.

    One worker does the tasks in their order. Several begin with those that wait for no other.

    Args:
        runner: The runner of the command; each worker makes a similar one.
        work: Function that does one task; it must be a function of a module, which a new process can import.
        tasks: The tasks, which must be picklable.
        n_workers: Number of processes.
        after: Function that names the task that has to be done before another one, and that stands before it among
            the tasks, or None where there is none.

    Raises:
        WorkerError: A process ended before its task was done.
    """
    if n_workers == 1 or len(tasks) < 2:
        yield from (_timed(work, runner, task) for task in tasks)
        return
    # The bars of several processes would overwrite one another.
    os.environ.setdefault("TQDM_DISABLE", "1")
    # A server that has imported everything once forks them, and has never computed anything.
    context = multiprocessing.get_context("forkserver")
    # torch imports its compiler with the first optimizer.
    context.set_forkserver_preload([__name__, "torch._dynamo", *(step.module for step in STEPS.values())])
    pool = ProcessPoolExecutor(
        min(n_workers, len(tasks)),
        mp_context=context,
        initializer=_begin,
        initargs=(runner.configs, runner.gather, dict(os.environ), n_workers),
    )
    try:
        begun = {pool.submit(_do, work, task) for task in tasks if after(task) is None}
        while begun:
            ended, begun = wait(begun, return_when=FIRST_COMPLETED)
            for future in ended:
                done = future.result()
                begun |= {pool.submit(_do, work, task) for task in tasks if after(task) == done.task}
                yield done
        # Workers that have nothing left to do end by themselves, and clean up.
        pool.shutdown(wait=True)
    except BrokenProcessPool as error:
        raise WorkerError(
            "a worker process",
            found="that it has ended before its work was finished",
            expected="that it runs until all work is finished",
            remedy="Run the same command again; finished runs are kept. If memory ran out, give fewer workers.",
        ) from error
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in multiprocessing.active_children():
            process.terminate()
            process.join(_GRACE_SECONDS)


def _begin(configs: Configs, gather: Mapping[type[StepConfig], Gather], environment: Mapping[str, str], n: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()
    # The server that forked this process still has the environment of its own start.
    os.environ.update(environment)
    torch.set_num_threads(max(1, torch.get_num_threads() // n))
    _runners.append(Runner(configs, connect(configs, _say), Interruption(), _say, gather))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _end_with_parent() -> None:
    # A command that was killed can't end its workers.
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
    sleep(_GRACE_SECONDS)
    os._exit(1)


def _timed(work: Callable[[Runner, Any], Result], runner: Runner, task: Any) -> Done:
    started = monotonic()
    return Done(task, work(runner, task), monotonic() - started)


def _do(work: Callable[[Runner, Any], Result], task: Any) -> Done:
    (runner,) = _runners
    runner.interruption = Interruption()
    try:
        with runner.interruption:
            return runner.healing(lambda: _timed(work, runner, task))
    except Interrupted as error:
        # The pool would take it for the task's own error, and go on with the next task.
        os._exit(128 + error.signum)
