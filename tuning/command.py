"""The command `tune`."""

from time import monotonic

import click

from lds_mlflow.config import Configs
from lds_mlflow.entry.console import say
from lds_mlflow.entry.flags import command
from lds_mlflow.machine.garbage import importing
from tuning.entry import TUNE

__all__ = ["tune"]


def _run(configs: Configs) -> None:
    started = monotonic()
    # A help text or a wrong parameter shouldn't wait for torch and mlflow to load.
    with importing():
        from lds_mlflow.machine.interrupts import Interruption
        from lds_mlflow.pipeline import Pipeline, connect
        from lds_mlflow.tracking import next_steps
        from tuning.search import Search

    with Interruption() as interruption, connect(configs, say) as tracker:
        runner = Pipeline(configs, tracker, interruption, say).runner
        run_id = Search(runner).run()
    click.echo(f"\n{TUNE.name} finished in {monotonic() - started:.0f} s.")
    for line in next_steps(tracker, run_id, runner.registered):
        click.echo(line)


tune = command(TUNE, _run)
"""The command that searches."""
