"""The commands, one an entry point, generated from the configurations."""

import os
from functools import partial
from time import monotonic

import click
import cloup

from lds_mlflow.config import (
    Configs,
    DeliverConfig,
    DoctorConfig,
    DryRunConfig,
    ImageConfig,
    Options,
    ServeConfig,
)
from lds_mlflow.entry.console import say
from lds_mlflow.entry.flags import STYLE, command
from lds_mlflow.entry.graph import STEPS
from lds_mlflow.entry.points import DELIVER, DOCTOR, ENTRY_POINTS, IMAGE, MAIN, PROMOTE, SERVE
from lds_mlflow.machine.garbage import importing
from tuning.command import tune

__all__ = ["cli"]


@cloup.group(context_settings=STYLE)
def cli() -> None:
    """Density-based latent augmentation, as tracked steps.

    Every command also runs the upstream steps that it needs, and reuses their finished runs.
    """


def _run(entry_point: str, configs: Configs) -> None:
    started = monotonic()
    # A help text or a wrong parameter shouldn't wait for torch and mlflow to load.
    with importing():
        from lds_mlflow.machine.interrupts import Interruption
        from lds_mlflow.machine.ranks import device_of, follow, lead
        from lds_mlflow.pipeline import Pipeline, connect
        from lds_mlflow.tracking import next_steps

    options = configs[Options]
    ranks = lead(device_of(options.device))
    if not ranks.leads:
        follow(ranks)
        # Threads of the processes' group, which compiled programs keep, may abort a Python that ends the usual way.
        os._exit(0)
    with Interruption() as interruption, connect(configs, say) as tracker:
        pipeline = Pipeline(configs, tracker, interruption, say, ranks=ranks)
        whole = {MAIN: pipeline.main, PROMOTE: pipeline.promote}
        planned = configs.get(DryRunConfig)
        if planned is not None and planned.dry_run:
            whole[entry_point] = pipeline.dry_run
        run_id = whole[entry_point]().id if entry_point in whole else pipeline.run(entry_point).id
    ranks.dismiss()
    click.echo(f"\n{entry_point} finished in {monotonic() - started:.0f} s.")
    for line in next_steps(tracker, run_id, pipeline.runner.registered):
        click.echo(line)


def _serve(configs: Configs) -> None:
    from lds_mlflow.tracking.server import serve

    serve(configs[ServeConfig], click.echo)


def _image(configs: Configs) -> None:
    from lds_mlflow.tracking.image import build_image

    name = build_image(configs[ImageConfig], click.echo)
    click.echo(f"{name} serves the model, and its sample of the seed 0 has the bits of the one drawn here.")
    click.echo(f"Start it: docker run -p 5001:8080 {name}")


def _deliver(configs: Configs) -> None:
    from lds_mlflow.tracking import Tracker

    config = configs[DeliverConfig]
    with Tracker.connect(Options(work_dir=config.work_dir), click.echo) as tracker:
        n = tracker.deliver_left_behind(of_any_server=True)
    click.echo(
        f"{config.work_dir} has no more undelivered tracking data."
        if n
        else f"{config.work_dir} has no undelivered tracking data."
    )


def _doctor(configs: Configs) -> None:
    from lds_mlflow.pipeline.doctor import examine, in_lines

    for line in in_lines(examine(configs[DoctorConfig].work_dir)):
        click.echo(line)


_SECTIONS = {
    "Everything at once": (MAIN, "ablate"),
    "Steps": tuple(name for name in STEPS if name != "ablate"),
    "Registered models": (PROMOTE, SERVE, IMAGE),
    "This machine": (DELIVER, DOCTOR),
}
_APART = {SERVE: _serve, IMAGE: _image, DELIVER: _deliver, DOCTOR: _doctor}
_COMMANDS = {name: command(point, _APART.get(name) or partial(_run, name)) for name, point in ENTRY_POINTS.items()}
for _title, _names in _SECTIONS.items():
    cli.section(_title, *(_COMMANDS[name] for name in _names), *([tune] if MAIN in _names else []))


if __name__ == "__main__":
    cli(prog_name="python -m lds_mlflow")
