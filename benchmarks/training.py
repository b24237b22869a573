"""What tracking costs: the same training loop with and without it, paired in one run.

    python -m benchmarks.training            # a few minutes
    python -m benchmarks.training --quick    # under a minute

With: every figure to a SQLite tracking store, samples at every checkpoint, system metrics. Without: none of that. The
order within a pair alternates; the ratio is of medians over the pairs, in wall-clock and in CPU seconds (which a
shared machine disturbs less). The last line is one JSON object.
"""

import json
import os
import platform
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import click
import torch

from lds_mlflow.data import load_digits
from lds_mlflow.fitting import FitLog
from lds_mlflow.tracking import Run, Tracker
from lds_mlflow.training import FitPlan, fit
from lds_mlflow.vae import PRESETS, VAE

__all__ = ["main"]

_PICTURE_EVERY = 500
"""The default of the parameter checkpoint_every."""


@click.command()
@click.option("--quick", is_flag=True, help="Fewer and shorter pairs.")
def main(quick: bool) -> None:
    """Measures the share that tracking adds to a training step."""
    pairs, steps = (2, 500) if quick else (7, 1000)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder}/mlflow.db"
        tracker = Tracker.connect()
        experiment = tracker.client.create_experiment("benchmark", artifact_location=Path(folder, "artifacts").as_uri())
        tracker.experiment_id = experiment
        _seconds(50, tracker)
        _seconds(50, None)
        wall: dict[bool, list[float]] = {True: [], False: []}
        cpu: dict[bool, list[float]] = {True: [], False: []}
        for pair in range(pairs):
            for tracked in (True, False) if pair % 2 else (False, True):
                elapsed, busy = _seconds(steps, tracker if tracked else None)
                wall[tracked].append(elapsed)
                cpu[tracked].append(busy)
            click.echo(
                f"pair {pair + 1} of {pairs}: {wall[True][-1]:.2f} s with tracking, {wall[False][-1]:.2f} s without"
            )
    result = {
        "tracking_overhead_share": round(median(wall[True]) / median(wall[False]) - 1, 4),
        "tracking_overhead_share_cpu": round(median(cpu[True]) / median(cpu[False]) - 1, 4),
        "step_ms": round(1000 * median(wall[False]) / steps, 2),
        "pairs": pairs,
        "steps": steps,
        "threads": torch.get_num_threads(),
        "processor": platform.processor() or platform.machine(),
    }
    click.echo(json.dumps(result))


def _seconds(steps: int, tracker: Tracker | None) -> tuple[float, float]:
    images = load_digits().images_NCHW
    plan = FitPlan(
        steps=steps,
        batch_size=32,
        learning_rate=0.01,
        kl_weight=1,
        ema_decay=0.995,
        seed=0,
        checkpoint_every=_PICTURE_EVERY,
    )
    model = VAE.initialised(PRESETS["digits"], 0)
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
        fit(model, images, plan)
        return
    log = FitLog(run)
    fit(model, images, plan, on_metrics=log.on_metrics, on_checkpoint=log.on_checkpoint)


if __name__ == "__main__":
    main()
