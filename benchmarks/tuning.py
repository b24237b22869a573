"""What a trial costs beside what it is for, and beside other ways to search.

    python -m benchmarks.tuning            # about 20 minutes on two cores
    python -m benchmarks.tuning --quick    # about a minute, small models and few trials: not the ratios to quote

Side by side on the digits, with the same baseline there already: a study by `tune`; separate commands `finetune` and
`evaluate`, one pair a trial, as MLflow's own hyperparameter example launches them; and Optuna with its MLflow callback
on the very function that a trial of `tune` calls. The last line is one JSON object.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import click
import optuna

from lds_mlflow.config import parse_all
from lds_mlflow.interrupts import Interruption
from lds_mlflow.pipeline import Pipeline
from lds_mlflow.tracking import Tracker, tags
from tuning.bench import Bench, Costs
from tuning.entry import CONFIGS
from tuning.space import read_space

__all__ = ["main"]

_ROOT = Path(__file__).parents[1]
_FULL: Mapping[str, Any] = {"train_steps": 1500, "finetune_steps": 300}
_QUICK: Mapping[str, Any] = {"train_steps": 60, "finetune_steps": 30, "limit": 400, "classifier_steps": 30}


@click.command()
@click.option("--quick", is_flag=True, help="Small models, few trials.")
def main(quick: bool) -> None:
    """Measures studies beside separate runs."""
    settings, trials, separate = (_QUICK, 4, 1) if quick else (_FULL, 50, 3)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder / 'mlflow.db'}"
        os.chdir(folder)
        _command("lds_mlflow", "evaluate", {**settings, "part": "select"})
        seconds_apart = _separate(settings, separate)
        seconds_by_callback, lost = _by_callback(settings, separate)
        seconds_of_study, seconds_of_all = _study(settings, trials)
        shares = _shares(Tracker.connect())
    found = {
        "study_over_separate_runs": round(seconds_of_study / (trials * seconds_apart), 4),
        "confirmed_study_over_separate_runs": round(seconds_of_all / (trials * seconds_apart), 4),
        "selection_trial_overhead_share": round(median(shares), 4),
        "callback_over_study_per_trial": round(seconds_by_callback / (seconds_of_study / trials), 4),
        "separate_seconds_per_trial": round(seconds_apart, 2),
        "study_seconds": round(seconds_of_study, 1),
        "trials": trials,
    }
    click.echo(f"Optuna's MLflow callback: {lost}")
    click.echo(json.dumps(found))


def _command(package: str, entry_point: str, values: Mapping[str, Any]) -> None:
    flags = [f"--{name}={value}" for name, value in values.items()]
    command = [sys.executable, "-m", package, entry_point, *flags]
    subprocess.run(command, check=True, env=_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(_ROOT), "TQDM_DISABLE": "1"}


def _separate(settings: Mapping[str, Any], n: int) -> float:
    """Returns the median seconds of a pair of commands; each pair has another multiplier of sigma."""
    seconds = []
    for i in range(n):
        values = {**settings, "sigma_multiplier": 0.5 + i / 10}
        started = perf_counter()
        _command("lds_mlflow", "finetune", {**values, "registered_model": "none"})
        _command("lds_mlflow", "evaluate", {**values, "part": "select"})
        seconds.append(perf_counter() - started)
        click.echo(f"finetune and evaluate, separately: {seconds[-1]:.1f} s")
    return median(seconds)


def _by_callback(settings: Mapping[str, Any], n: int) -> tuple[float, str]:
    """Returns the seconds of a trial with Optuna's MLflow callback, and what its runs lack."""
    from optuna_integration.mlflow import MLflowCallback  # noqa: PLC0415 - of the extra bench

    tracker = Tracker.connect()
    parent = tracker.begin("callback", parent=None, values={})
    runner = Pipeline(parse_all(CONFIGS, settings), tracker, Interruption(), lambda line: None).runner
    bench, space = Bench(runner, parent.id), read_space("augmentation", "augment_run=auto")
    bench.basis(0)

    def objective(trial: optuna.Trial) -> float:
        tried = bench.try_out(space.suggest(trial), 0, Costs(), lambda evaluation: None)
        return tried.evaluation.metrics["fid"]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        callback = MLflowCallback(tracking_uri=tracker.tracking_uri, metric_name="fid", create_experiment=False)
        study = optuna.create_study(study_name="callback")
        started = perf_counter()
        study.optimize(objective, n_trials=n, callbacks=[callback])
    seconds = (perf_counter() - started) / n
    parent.end("FINISHED")
    runs = [
        run
        for run in tracker.client.search_runs([tracker.experiment_id])
        if tags.PROCESS not in run.data.tags and "fid" in run.data.metrics
    ]
    nested = sum("mlflow.parentRunId" in run.data.tags for run in runs)
    files = sum(len(tracker.client.list_artifacts(run.info.run_id)) for run in runs)
    click.echo(f"Optuna's MLflow callback: {seconds:.1f} s a trial")
    return seconds, f"{len(runs)} runs of {n} trials, {nested} of them nested, {files} artifacts, one process"


def _study(settings: Mapping[str, Any], trials: int) -> tuple[float, float]:
    """Returns the seconds of a study's trials, from the start of the command, and of all of it."""
    values = {**settings, "trials": trials, "seeds": 1, "finalists": 1, "fresh_seeds": 2, "registered_model": "tuned"}
    flags = [f"--{name}={value}" for name, value in values.items()]
    command = [sys.executable, "-m", "tuning", "tune", *flags]
    started, searched = perf_counter(), 0.0
    with subprocess.Popen(command, env=_environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if re.match(r"tune\s+confirming", line):
                searched = perf_counter() - started
            if line.startswith("tune "):
                click.echo(line.rstrip())
    if process.returncode or not searched:
        raise click.ClickException("the study failed")
    return searched, perf_counter() - started


def _shares(tracker: Tracker) -> list[float]:
    """Returns what share of its time each trial spent on anything but finetuning and sampling."""
    runs = tracker.client.search_runs([tracker.experiment_id], f"tags.`{tags.STATE}` = 'complete'", max_results=1000)
    costs = [run.data.metrics for run in runs if "cost/seconds" in run.data.metrics]
    return [
        1 - (cost["cost/finetuning_seconds"] + cost["cost/sampling_seconds"]) / cost["cost/seconds"] for cost in costs
    ]


if __name__ == "__main__":
    main()
