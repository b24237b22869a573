"""What a training step costs: beside the step of before, the decoder beside other generators, tracking beside none.

    python -m benchmarks.training            # some minutes
    python -m benchmarks.training --quick    # under a minute

The step: all of it, with the draw of the batch and the moving average, beside the previous one (previous_step.py), by
turns, in CPU seconds (wall-clock on a GPU, where the present step is compiled and launched as one).
`step_over_previous` is the ratio of medians, previous over present: 1.3 says that the present step is 1.3 times as
fast. The counts are of a step of the preset faces64 in float32 on the CPU: `operations_per_step` counts what torch's
profiler records, `synchronisations_per_step` those of them that make Python wait for the device.

The decoder: forward and backward, beside two generators with grouped convolutions (grouped.py), at equal multiply-adds:
images per second times the multiply-adds of an image, which torch counts. By turns, in CPU seconds (wall-clock on a
GPU).

Tracking: the same training loop with and without it. With: every figure to a SQLite tracking store, samples at every
checkpoint, system metrics. Without: none of that. The order within a pair alternates; ratios are of medians over the
pairs, in CPU seconds, which a shared machine disturbs less. The last line is one JSON object.
"""

import json
import os
import platform
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import click
import torch
from torch import Tensor, nn

from benchmarks.grouped import GroupedGenerator
from benchmarks.product import multiply_adds
from benchmarks.steps import clock_of, operations_of, step_of, steps_beside_previous
from lds_mlflow.data import load_digits
from lds_mlflow.domains import domain_of
from lds_mlflow.models.stylegan import VAE, spec_of
from lds_mlflow.recipes.tracked_fit import FitLog
from lds_mlflow.tracking import Run, Tracker
from lds_mlflow.training import FitHooks, FitPlan, FitTask, fit

__all__ = ["main"]

_PICTURE_EVERY = 500
"""The default of the parameter checkpoint_every."""
_BATCHES = {"grey32": 32, "faces64": 16, "paper256": 2}
_ROUNDS = {"grey32": 41, "faces64": 21, "paper256": 7}
_QUICK_ROUNDS = {"grey32": 7, "faces64": 3}
_COUNTED = "faces64"


@click.command()
@click.option("--quick", is_flag=True, help="Fewer and shorter rounds.")
@click.option("--preset", default="faces64", show_default=True, help="Whose decoder.")
@click.option("--batch", default=16, show_default=True, help="Images a forward and backward pass.")
def main(quick: bool, preset: str, batch: int) -> None:
    """Measures the step beside the previous one, the decoder beside others, and the share that tracking adds."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    click.echo(f"{torch.get_num_threads()} threads, {device}")
    rounds = _QUICK_ROUNDS if quick else _ROUNDS
    ratios = steps_beside_previous({name: _BATCHES[name] for name in rounds}, rounds, device)
    (before, waits_before), (now, waits) = (
        operations_of(step_of(_COUNTED, _BATCHES[_COUNTED], "cpu", is_previous=is_previous))
        for is_previous in (True, False)
    )
    click.echo(f"operations of a step of {_COUNTED}: {before:,} before, {now:,} now; waits: {waits_before}, {waits}")
    work = _multiply_adds_a_second(preset, batch, device, rounds=3 if quick else 21)
    for name, found in work.items():
        click.echo(f"{name}: {found / 1e9:.2f} G multiply-adds a second")
    others = {name: work["decoder"] / found for name, found in work.items() if name != "decoder"}
    pairs, steps = (2, 150) if quick else (5, 1000)
    wall, cpu = _tracked_and_not(pairs, steps)
    result = {
        "step_over_previous": ratios,
        "operations_per_step": now,
        "previous_operations_per_step": before,
        "synchronisations_per_step": waits,
        "previous_synchronisations_per_step": waits_before,
        "over_grouped_reference": round(min(others.values()), 3),
        "tracking_overhead_share": round(median(cpu[True]) / median(cpu[False]) - 1, 4),
        "over_grouped_transposed": round(others["transposed"], 3),
        "over_grouped_bilinear": round(others["bilinear"], 3),
        "tracking_overhead_share_wall": round(median(wall[True]) / median(wall[False]) - 1, 4),
        "step_ms": round(1000 * median(wall[False]) / steps, 2),
        "preset": preset,
        "batch": batch,
        "pairs": pairs,
        "steps": steps,
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name() if device == "cuda" else platform.processor() or platform.machine(),
    }
    click.echo(json.dumps(result))


def _multiply_adds_a_second(preset: str, batch: int, device: str, *, rounds: int) -> dict[str, float]:
    """Returns the multiply-adds of forward and backward passes that each generator does in a second."""
    spec = spec_of(preset)
    decoder = VAE.initialised(spec, 0).decoder
    generators: dict[str, nn.Module] = {
        "decoder": decoder,
        "transposed": GroupedGenerator(spec, "transposed"),
        "bilinear": GroupedGenerator(spec, "bilinear"),
    }
    z_BD = torch.randn(batch, spec.latent_dim, device=device)
    counts = {name: 3 * multiply_adds(partial(generator.to(device), z_BD)) for name, generator in generators.items()}
    clock = clock_of(device)
    seconds: dict[str, list[float]] = {name: [] for name in generators}
    for _ in range(rounds):
        for name, generator in generators.items():
            started = clock()
            _pass(generator, z_BD)
            seconds[name].append(clock() - started)
    return {name: counts[name] / median(seconds[name]) for name in generators}


def _pass(generator: Callable[[Tensor], Tensor], z_BD: Tensor) -> None:
    generator(z_BD).square().mean().backward()


def _tracked_and_not(pairs: int, steps: int) -> tuple[dict[bool, list[float]], dict[bool, list[float]]]:
    """Returns wall-clock and CPU seconds of fits, with tracking and without."""
    wall: dict[bool, list[float]] = {True: [], False: []}
    cpu: dict[bool, list[float]] = {True: [], False: []}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder}/mlflow.db"
        tracker = Tracker.connect()
        experiment = tracker.client.create_experiment("benchmark", artifact_location=Path(folder, "artifacts").as_uri())
        tracker.experiment_id = experiment
        _seconds(50, tracker)
        _seconds(50, None)
        for pair in range(pairs):
            for tracked in (True, False) if pair % 2 else (False, True):
                elapsed, busy = _seconds(steps, tracker if tracked else None)
                wall[tracked].append(elapsed)
                cpu[tracked].append(busy)
            click.echo(
                f"pair {pair + 1} of {pairs}: {cpu[True][-1]:.2f} CPU s with tracking, {cpu[False][-1]:.2f} without"
            )
    return wall, cpu


def _seconds(steps: int, tracker: Tracker | None) -> tuple[float, float]:
    images = load_digits().examples_N
    plan = FitPlan(
        steps=steps,
        batch_size=32,
        learning_rate=0.01,
        kl_weight=1,
        ema_images=4000,
        seed=0,
        checkpoint_every=_PICTURE_EVERY,
    )
    model = VAE.initialised(spec_of("digits"), 0)
    run = tracker.begin("benchmark", parent=None, values={}) if tracker else None
    if run:
        run.watch_system()
    wall, cpu = perf_counter(), process_time()
    _fit(model, images, plan, run)
    if run:
        run.flush()
    elapsed = perf_counter() - wall, process_time() - cpu
    if run:
        run.end("FINISHED")
    return elapsed


def _fit(model: VAE, images: torch.Tensor, plan: FitPlan, run: Run | None) -> None:
    if run is None:
        fit(FitTask(model, images, plan))
        return
    log = FitLog(run, domain_of("images"))
    fit(FitTask(model, images, plan), hooks=FitHooks(on_metrics=log.on_metrics, on_checkpoint=log.on_checkpoint))


if __name__ == "__main__":
    main()
