"""What is confirmed of a study: what leads and the control, by fresh seeds, chosen by select, judged by test."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import pandas as pd
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from lds_mlflow.config import NO_RUN, AugmentConfig, EvaluateConfig, FinetuneConfig
from lds_mlflow.graph import REGISTER, STEPS
from lds_mlflow.metrics import FIGURES, Comparison, compare_over_seeds, mean_over_seeds, preferred_over_seeds
from lds_mlflow.pipeline.runner import Runner
from lds_mlflow.pipeline.seeds import Runs, SeedRuns, shared_runs
from lds_mlflow.pipeline.workers import number_of_workers, share_tasks
from lds_mlflow.tracking import FinishedRun, Run
from lds_mlflow.values import Evaluation
from tuning.config import TuneConfig
from tuning.space import Value
from tuning.study import CONSTRAINT

__all__ = ["CONTROL", "confirm", "leaders"]

CONTROL = "control"

Task = tuple[str, dict[str, Value], int]


@dataclass(frozen=True, slots=True)
class _Confirmed:
    """The evaluations of candidates by part: one a fresh seed."""

    select: dict[str, list[Evaluation]]
    test: dict[str, list[Evaluation]]
    models: dict[str, list[FinishedRun]]


def leaders(study: Study, n: int) -> list[FrozenTrial]:
    """Returns the n trials that lead, no two alike and none that copies: by the first objective, of a Pareto front."""
    several = len(study.directions) > 1
    trials = study.best_trials if several else study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    allowed = [trial for trial in trials if trial.user_attrs.get(CONSTRAINT, 1.0) >= 1]
    sign = 1 if study.directions[0] == StudyDirection.MINIMIZE else -1
    found: list[FrozenTrial] = []
    for trial in sorted(allowed, key=lambda one: sign * one.values[0]):
        if len(found) < n and all(trial.params != other.params for other in found):
            found.append(trial)
    return found


def confirm(study: Study, config: TuneConfig, runner: Runner, run: Run) -> list[str]:
    """Runs what leads again on fresh seeds, judges it once, registers what select prefers, and says what it is worth.

    Args:
        study: A study with its trials.
        config: How it was searched.
        runner: What makes the runs.
        run: The study's run.

    Returns:
        What came out, in sentences.
    """
    candidates: dict[str, dict[str, Value]] = {CONTROL: {"augment_run": NO_RUN}}
    others = [trial for trial in leaders(study, config.finalists + 1) if trial.params != candidates[CONTROL]]
    trials = {f"trial {trial.number}": trial for trial in others[: config.finalists]}
    candidates |= {label: dict(trial.params) for label, trial in trials.items()}
    runner.say(f"{'tune':<11}confirming {', '.join(candidates)} on {config.fresh_seeds} fresh seeds")
    found = _runs_of(candidates, config, runner, run)
    chosen = preferred_over_seeds(found.select, CONTROL)
    compared = compare_over_seeds(found.test, CONTROL) if trials else []
    sentence = _sentence(chosen, trials.get(chosen), found, compared, config)
    run.log_table(_table(found, compared), "study/confirmed.csv")
    run.log_metrics(_figures(found))
    registered = _register(found.models[chosen], candidates[chosen], runner, run)
    command = f"The same weights: {_command(candidates[chosen], config.seeds)}"
    runner.tracker.note_version(registered, f"Study {config.study}, {chosen}. {sentence}.\n\n{command}")
    return [sentence, registered.sentence, command]


def _runs_of(candidates: Mapping[str, Mapping[str, Value]], config: TuneConfig, runner: Runner, run: Run) -> _Confirmed:
    fresh = range(config.seeds, config.seeds + config.fresh_seeds)
    n = number_of_workers(config.workers, runner.device)
    # What all candidates of a seed begin with comes first: two workers would else wait for one another.
    for _ in share_tasks(runner, partial(_run_baseline, run.id), list(fresh), n):
        pass
    tasks: list[Task] = [(label, dict(values), seed) for seed in fresh for label, values in candidates.items()]
    made: dict[str, str] = {}
    for result in share_tasks(runner, partial(_run_task, run.id), tasks, n):
        made |= result
    opened = {name: runner.tracker.open(run_id) for name, run_id in made.items()}

    def evaluations(label: str, part: str) -> list[Evaluation]:
        return [opened[f"{label} {seed} {part}"].load(Evaluation, f"evaluation_{part}") for seed in fresh]

    return _Confirmed(
        select={label: evaluations(label, "select") for label in candidates},
        test={label: evaluations(label, "test") for label in candidates},
        models={label: [opened[f"{label} {seed} model"] for seed in fresh] for label in candidates},
    )


def _run_baseline(parent: str, runner: Runner, seed: int) -> dict[str, str]:
    SeedRuns(runner, shared_runs(runner, {}, parent), seed, parent).baseline()
    return {}


def _run_task(parent: str, runner: Runner, task: Task) -> dict[str, str]:
    label, values, seed = task
    runs = SeedRuns(runner, shared_runs(runner, {}, parent), seed, parent)
    known: Runs = runs.baseline()
    name = f"{label} seed {seed}"
    if values.get("augment_run") != NO_RUN:
        known["augment"] = runs.augment(known, name, _of(AugmentConfig, values))
    model = runs.finetune(known, name, _of(FinetuneConfig, values))
    sampler = _of(EvaluateConfig, values)
    made = {f"{label} {seed} {part}": runs.evaluate(name, model, part, **sampler).id for part in ("select", "test")}
    return {**made, f"{label} {seed} model": model.id}


def _of(kind: type[AugmentConfig | FinetuneConfig | EvaluateConfig], values: Mapping[str, Value]) -> dict[str, Value]:
    return {name: value for name, value in values.items() if name in kind.model_fields and name != "augment_run"}


def _register(models: Sequence[FinishedRun], values: Mapping[str, Value], runner: Runner, run: Run) -> FinishedRun:
    sampler = runner.config(STEPS["evaluate"], _of(EvaluateConfig, values)).model_dump()
    changes = {name: sampler[name] for name in ("sampler_sigma", "sampler_components")}
    return runner.resolve(
        REGISTER,
        {},
        parent=run.id,
        label="the best",
        changes={"model_run": models[0].id, "served_sampler": sampler["sampler"], **changes},
    )


def _sentence(
    chosen: str,
    trial: FrozenTrial | None,
    found: _Confirmed,
    compared: Sequence[Comparison],
    config: TuneConfig,
) -> str:
    lead = config.wanted[0]
    if trial is None:
        return (
            f"Nothing that was tried does better than the control on {config.fresh_seeds} fresh seeds of the part "
            "select: the control is registered"
        )
    row = next(row for row in compared if (row.model, row.name) == (chosen, lead))
    title = FIGURES[lead].title
    searched, fresh = trial.values[0], mean_over_seeds(found.select[chosen], lead).value
    return (
        f"{chosen} against the control, {config.fresh_seeds} fresh seeds, by the part test: {title} "
        f"{row.reference_value:.4g} to {row.value:.4g} ({row.low:+.3g} to {row.high:+.3g}; {row.verdict}). "
        f"In the search it had {searched:.4g}, on fresh seeds of select {fresh:.4g}: its optimism is "
        f"{fresh - searched:+.3g} by luck of the search, {row.value - searched:+.3g} to test"
    )


def _table(found: _Confirmed, compared: Sequence[Comparison]) -> pd.DataFrame:
    by_pair = {(row.model, row.name): row for row in compared}
    rows = []
    for label, evaluations in found.test.items():
        for name in ("fid", "coverage", "density", "nearest_ratio"):
            mean, row = mean_over_seeds(evaluations, name), by_pair.get((label, name))
            rows.append(
                {
                    "model": label,
                    "figure": FIGURES[name].title,
                    "select": mean_over_seeds(found.select[label], name).value,
                    "test": mean.value,
                    "low": mean.low,
                    "high": mean.high,
                    "minus_control": row.difference if row else None,
                    "minus_control_low": row.low if row else None,
                    "minus_control_high": row.high if row else None,
                    "p": row.p_corrected if row else None,
                    "verdict": row.verdict if row else "",
                }
            )
    return pd.DataFrame(rows)


def _figures(found: _Confirmed) -> dict[str, float]:
    return {
        f"confirmed/{label}/{part}_{name}": mean_over_seeds(evaluations, name).value
        for part, by_label in (("select", found.select), ("test", found.test))
        for label, evaluations in by_label.items()
        for name in ("fid", "coverage")
    }


def _command(values: Mapping[str, Value], seed: int) -> str:
    seeds = dict.fromkeys(("train_seed", "augment_seed", "finetune_seed"), seed)
    given = {**{name: value for name, value in values.items() if name != "sampler"}, **seeds}
    if "sampler" in values:
        given["served_sampler"] = values["sampler"]
    return "mlflow run . -e finetune " + " ".join(f"-P {name}={value}" for name, value in given.items())
