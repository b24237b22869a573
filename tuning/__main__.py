"""The command `tune`."""

from collections.abc import Mapping
from time import monotonic

import click

from lds_mlflow.config import Options, parse, parse_all
from lds_mlflow.entry.flags import command
from tuning.config import TuneConfig
from tuning.entry import CONFIGS, PARAMETERS, TUNE

__all__ = ["cli"]


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
def cli() -> None:
    """Optuna studies of density-based latent augmentation, as tracked runs."""


def _run(values: Mapping[str, str]) -> None:
    started = monotonic()
    configs = parse_all(CONFIGS, values)
    # A help text or a wrong parameter shouldn't wait for torch and mlflow to load.
    from lds_mlflow.machine.interrupts import Interruption
    from lds_mlflow.pipeline import Pipeline
    from lds_mlflow.tracking import Tracker
    from tuning.search import Search

    options = parse(Options, configs[Options].model_dump())
    with Interruption() as interruption, Tracker.connect(options, click.echo) as tracker:
        run_id = Search(Pipeline(configs, tracker, interruption, click.echo).runner).run()
    click.echo(f"\n{TUNE} finished in {monotonic() - started:.0f} s.")
    for line in tracker.next_steps(run_id, model=None):
        click.echo(line)


cli.add_command(command(TUNE, PARAMETERS, str(TuneConfig.__doc__), _run))

if __name__ == "__main__":
    cli(prog_name="python -m tuning")
