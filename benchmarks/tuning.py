"""What a trial costs beside what it is for, and beside other ways to search.

    python -m benchmarks.tuning            # 11 minutes on two cores
    python -m benchmarks.tuning --quick    # a minute, small models, few trials, no launcher: not the ratios to quote

Side by side on the digits, each with the baseline there already and one seed a trial:

- a study by `tune`: its trials, from the start of the command, and with what is confirmed at the end;
- commands `finetune` and `evaluate`, one pair a trial, one after another;
- the same pairs as MLflow's hyperparameter example has them: mlflow.projects.run under nested runs, two at once;
- Optuna with its MLflow callback, on the very function that a trial of `tune` calls.

What is no finetuning and no sampling in a trial is what Optuna's storage says that the trial took, less those two: A's
candidates, scores and images, figures, the storage and MLflow. The last line is one JSON object.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import click
import mlflow
import optuna
from optuna.trial import TrialState
from optuna_integration.mlflow import MLflowCallback

from lds_mlflow.choices.figures import COPIES
from lds_mlflow.config import NO_RUN, parse_all
from lds_mlflow.entry.points import ENTRY_POINTS
from lds_mlflow.machine.interrupts import Interruption
from lds_mlflow.pipeline import Pipeline
from lds_mlflow.tracking import Tracker, tags
from tuning.bench import Bench, Costs
from tuning.entry import TUNE
from tuning.space import read_space

__all__ = ["main"]

_ROOT = Path(__file__).parents[1]
_AT_ONCE = 2
_RANGES = "selection=top|power|typical|otsu"
"""Selections that there always is an A by: a trial without one costs nothing, and would flatter the study."""

_FULL: Mapping[str, Any] = {}
"""What a user gets who gives nothing."""

_QUICK: Mapping[str, Any] = {"train_steps": 60, "finetune_steps": 30, "limit": 400, "classifier_steps": 30}


@click.command()
@click.option("--quick", is_flag=True, help="Small models, few trials.")
def main(quick: bool) -> None:
    """Measures studies beside separate runs."""
    settings, trials, separate = (_QUICK, 2, 1) if quick else (_FULL, 50, 4)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder / 'mlflow.db'}"
        # MLflow starts the python of the path.
        os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        os.chdir(folder)
        _command("lds_mlflow", "evaluate", {**settings, "part": "select"})
        apart = _separate(settings, separate)
        launched, launched_lack = (None, "left out") if quick else _by_launcher(settings, separate, folder)
        by_callback, callback_lacks = _by_callback(settings, separate)
        searched, whole = _study(settings, trials)
        shares = _shares(Tracker.connect())
    each = searched / trials
    click.echo(f"MLflow's example: {launched_lack}")
    click.echo(f"Optuna's MLflow callback: {callback_lacks}")
    found = {
        "study_over_separate_runs": round(each / apart, 4),
        "selection_trial_overhead_share": round(median(shares), 4),
        "confirmed_study_over_separate_runs": round(whole / trials / apart, 4),
        "study_over_mlflow_example": None if launched is None else round(each / launched, 4),
        "study_over_callback": round(each / by_callback, 4),
        "separate_seconds_per_trial": round(apart, 2),
        "study_seconds": round(searched, 1),
        "confirmed_study_seconds": round(whole, 1),
        "trials": trials,
        "trials_in_overhead": len(shares),
    }
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


def _by_launcher(settings: Mapping[str, Any], n: int, folder: Path) -> tuple[float, str]:
    """Returns the seconds of a trial as MLflow's hyperparameter example launches them, and what its runs lack."""
    tracker = Tracker.connect()
    client, experiment = tracker.client, tracker.experiment_id
    parent = tracker.begin("example", parent=None, values={})

    def launch(i: int) -> None:
        values = {
            **settings,
            "sigma_multiplier": 0.55 + i / 10,
            "work_dir": folder / ".lds",
            "registered_model": "none",
        }
        for entry_point in ("finetune", "evaluate"):
            child = tracker.begin(entry_point, parent=parent.id, values={})
            known = {name: str(value) for name, value in values.items() if name in ENTRY_POINTS[entry_point].parameters}
            known |= {"part": "select"} if entry_point == "evaluate" else {}
            mlflow.projects.run(
                str(_ROOT),
                entry_point,
                parameters=known,
                env_manager="local",
                run_id=child.id,
                experiment_id=experiment,
            )

    started = perf_counter()
    with _printing_to(folder / "launched.log"), ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(launch, range(n)))
    seconds = (perf_counter() - started) / n
    parent.end("FINISHED")
    children = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{parent.id}'")
    assert {run.info.status for run in children} == {"FINISHED"}
    click.echo(f"MLflow's example, {_AT_ONCE} at once: {seconds:.1f} s a trial")
    return seconds, f"{len(children)} runs of {n} trials, every one a new process; nothing resumes, prunes or retries"


def _by_callback(settings: Mapping[str, Any], n: int) -> tuple[float, str]:
    """Returns the seconds of a trial with Optuna's MLflow callback, and what its runs lack."""
    os.environ["TQDM_DISABLE"] = "1"
    tracker = Tracker.connect()
    parent = tracker.begin("callback", parent=None, values={})
    runner = Pipeline(parse_all(TUNE.configs, settings), tracker, Interruption(), lambda line: None).runner
    bench, space = (
        Bench(runner, parent.id, ("fid", *COPIES)),
        read_space("augmentation", f"augment_run=auto, {_RANGES}"),
    )
    bench.basis(0)

    def objective(trial: optuna.Trial) -> float:
        return bench.try_out(space.suggest(trial), 0, Costs(), None).figures["fid"]

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
    values = {**settings, "trials": trials, "seeds": 1, "finalists": 1, "fresh_seeds": 2, "ranges": _RANGES}
    flags = [f"--{name}={value}" for name, value in values.items()]
    command = [sys.executable, "-m", "lds_mlflow", "tune", *flags]
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
    """Returns what share of its time each trial with an A of its own spent on anything but finetuning and sampling."""
    shares = []
    for trial in optuna.load_study(study_name="lds", storage="sqlite:///tuning.db").get_trials():
        run = tracker.client.get_run(trial.user_attrs["run"])
        if (
            trial.state == TrialState.COMPLETE
            and trial.params["augment_run"] != NO_RUN
            and tags.SAME_AS not in run.data.tags
        ):
            assert trial.duration is not None
            cost = run.data.metrics
            of_use = cost["finetuning_seconds"] + cost["sampling_seconds"]
            shares.append(1 - of_use / trial.duration.total_seconds())
    return shares


@contextmanager
def _printing_to(path: Path) -> Iterator[None]:
    """Has what launched commands print in a file."""
    sys.stdout.flush()
    kept = [os.dup(1), os.dup(2)]
    try:
        with path.open("wb") as file:
            for stream in (1, 2):
                os.dup2(file.fileno(), stream)
            yield
    except Exception as error:
        raise click.ClickException(f"{error}\n{path.read_text(errors='replace')[-4000:]}") from error
    finally:
        for stream, copy in zip((1, 2), kept, strict=True):
            os.dup2(copy, stream)
            os.close(copy)


if __name__ == "__main__":
    main()
