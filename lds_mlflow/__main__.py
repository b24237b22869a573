"""The commands, one an entry point, generated from the configurations."""

import sys
from collections.abc import Mapping
from time import monotonic
from typing import Any, get_args

import click
from pydantic.fields import FieldInfo

from lds_mlflow.config import NO_MODEL, RegisterConfig, Settings, parse_all
from lds_mlflow.errors import Interrupted, LdsError
from lds_mlflow.graph import ENTRY_POINTS, MAIN, configs_behind, help_text, parameters

__all__ = ["cli"]


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
def cli() -> None:
    """Density-based latent augmentation, as tracked steps.

    Every command runs what it needs from upstream, and reuses what is there already.
    """


def _flag(name: str, field: FieldInfo) -> click.Option:
    choices = "|".join(str(choice) for choice in get_args(field.annotation))
    # Values stay text here: the configuration checks them all, and reports the wrong ones together.
    return click.Option(
        [f"--{name}"],
        type=str,
        default=str(field.default),
        show_default=True,
        metavar=f"[{choices}]" if choices else "VALUE",
        help=field.description,
    )


def _command(entry_point: str) -> click.Command:
    def callback(**values: Any) -> None:
        try:
            _run(entry_point, parse_all(configs_behind(entry_point), values))
        except LdsError as error:
            click.secho(f"\n{type(error).__name__}: {error}", err=True, fg="red")
            sys.exit(1)
        except Interrupted as error:
            click.echo("\nStopped. The run is marked KILLED. To go on, run the same command again.", err=True)
            sys.exit(128 + error.signum)

    return click.Command(
        entry_point,
        params=[_flag(name, field) for name, field in parameters(entry_point).items()],
        help=help_text(entry_point),
        callback=callback,
    )


def _run(entry_point: str, configs: Mapping[type[Settings], Settings]) -> None:
    started = monotonic()
    # A help text or a wrong parameter shouldn't wait for torch and mlflow to load.
    from lds_mlflow.interrupts import Interruption
    from lds_mlflow.pipeline import Pipeline
    from lds_mlflow.tracking import Tracker

    with Interruption() as interruption:
        tracker = Tracker.connect()
        pipeline = Pipeline(configs, tracker, interruption, click.echo)
        run_id = pipeline.main().id if entry_point == MAIN else pipeline.run(entry_point).id
    click.echo(f"\n{entry_point} finished in {monotonic() - started:.0f} s.")
    registering = configs.get(RegisterConfig)
    model = registering.registered_model if isinstance(registering, RegisterConfig) else NO_MODEL
    for line in tracker.next_steps(run_id, model=None if model == NO_MODEL else model):
        click.echo(line)


for _entry_point in ENTRY_POINTS:
    cli.add_command(_command(_entry_point))


if __name__ == "__main__":
    cli(prog_name="python -m lds_mlflow")
