"""The whole training step beside the previous one (previous_step.py): its time, operations and waits for the device."""

from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from multiprocessing import get_context
from statistics import median
from time import perf_counter, process_time

import click
import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.previous_step import PreviousNetwork, PreviousStepper
from lds_mlflow.machine.memory import keep_freed_memory
from lds_mlflow.machine.ranks import ALONE
from lds_mlflow.models import PIXELS
from lds_mlflow.models.stylegan import VAE, spec_of
from lds_mlflow.training import FitPlan, FitTask
from lds_mlflow.training.stepper import Stepper

__all__ = ["clock_of", "operations_of", "step_of", "steps_beside_previous"]

_N = 64
_WARM_UP = {"cpu": 2, "cuda": 5}
"""Steps before the first that is timed: memory is taken, and on a GPU programs are compiled and kernels captured."""
_WAITING = {f"aten::{name}" for name in ("item", "is_nonzero", "_local_scalar_dense", "nonzero", "equal")}
"""Operations that wait for a GPU, since their result goes to Python or decides how much memory is taken."""


def steps_beside_previous(batches: Mapping[str, int], rounds: Mapping[str, int], device: str) -> dict[str, float]:
    """Measures the steps of some presets by turns, and prints the medians.

    Each of the two computes in a process of its own: the present step lets its process keep the memory that it frees.

    Args:
        batches: Images a step, by preset.
        rounds: Steps of each that are timed, by preset.
        device: "cpu" (CPU seconds) or "cuda" (wall-clock).

    Returns:
        How many times as fast the present step is, by preset.
    """
    found: dict[str, float] = {}
    with _process() as previous, _process() as present:
        for preset, batch in batches.items():
            seconds: dict[bool, list[float]] = {True: [], False: []}
            for _ in range(rounds[preset]):
                for is_previous, process in ((True, previous), (False, present)):
                    turn = process.submit(_seconds_of_a_step, preset, batch, device, is_previous=is_previous)
                    seconds[is_previous].append(turn.result())
            before, now = median(seconds[True]), median(seconds[False])
            found[preset] = round(before / now, 3)
            click.echo(
                f"{preset}, {batch} images a step: {before:.4f} s before, {now:.4f} now, {found[preset]} times as fast"
            )
    return found


def step_of(preset: str, batch: int, device: str, *, is_previous: bool) -> Callable[[int], object]:
    """Returns a function that takes the training step of a number, of the network of a preset."""
    spec = spec_of(preset)
    plan = FitPlan(steps=1, batch_size=batch, learning_rate=0.002, kl_weight=1, ema_images=4000, seed=0)
    images = torch.randint(256, (_N, spec.channels, spec.resolution, spec.resolution), dtype=torch.uint8).to(device)
    model = VAE.initialised(spec, 0).to(device)
    form = FitTask(model, images, plan).form
    if is_previous:
        return partial(PreviousStepper(PreviousNetwork(spec).to(device), plan, form).advance, examples_N=images)
    stepper = Stepper(model, plan, form, ranks=ALONE, scale=PIXELS, perceptual=None)
    return partial(stepper.advance, examples_N=images)


def operations_of(step: Callable[[int], object]) -> tuple[int, int]:
    """Returns how many operations of torch a step on the CPU has, and how many of them Python waits for.

    Operations are those that torch's profiler records, those inside of others too. Waits are those that Python asks
    for: inside of the fused optimizer, torch reads numbers that are in the CPU's memory on every device.
    """
    for number in range(2):
        step(number)
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        step(2)
    recorded = [event for event in profiled.events() or [] if event.name.startswith("aten::")]
    outermost = (event for event in recorded if not event.cpu_parent or not event.cpu_parent.name.startswith("aten::"))
    return len(recorded), sum(event.name in _WAITING for event in outermost)


def clock_of(device: str) -> Callable[[], float]:
    """Returns what tells the seconds: of this process's CPU time, or the time of day once a GPU has done its work."""
    return process_time if device == "cpu" else _synchronised


def _synchronised() -> float:
    torch.cuda.synchronize()
    return perf_counter()


def _process() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, get_context("spawn"))


@cache
def _begun(preset: str, batch: int, device: str, *, is_previous: bool) -> Callable[[int], object]:
    if not is_previous:
        keep_freed_memory()
    step = step_of(preset, batch, device, is_previous=is_previous)
    for number in range(_WARM_UP[device]):
        step(number)
    return step


def _seconds_of_a_step(preset: str, batch: int, device: str, *, is_previous: bool) -> float:
    step, clock = _begun(preset, batch, device, is_previous=is_previous), clock_of(device)
    started = clock()
    step(_WARM_UP[device])
    return clock() - started
