"""The end of a study: leading trials and the control run on fresh seeds; select chooses among them, test judges."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import pandas as pd
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from lds_mlflow.choices.figures import COMPARED, FIGURES, SUMMARY
from lds_mlflow.config import (
    NO_MODEL,
    NO_RUN,
    AugmentConfig,
    DataConfig,
    EvaluateConfig,
    FinetuneConfig,
    Options,
    RegisterConfig,
    SamplerSettings,
    TrainConfig,
    has_default,
)
from lds_mlflow.config.arms import BASELINE, CONTROL
from lds_mlflow.entry.graph import REGISTER
from lds_mlflow.errors import DataError, SelectionError, TrainingError
from lds_mlflow.metrics import Comparison, compare_over_seeds, mean_over_seeds, preferred_over_seeds
from lds_mlflow.pipeline.promotion import promote_if_new
from lds_mlflow.pipeline.runner import Runner
from lds_mlflow.pipeline.seed_runs import SeedRuns, shared_runs
from lds_mlflow.pipeline.workers import number_of_workers, share_tasks
from lds_mlflow.reporting.comparison import listed_figures
from lds_mlflow.tracking import FinishedRun, Run, tags
from lds_mlflow.values import Evaluation
from tuning.config import TuneConfig
from tuning.space import Value
from tuning.study import BEYOND, finished

__all__ = ["confirm", "leaders"]

Task = tuple[str, dict[str, Value], int]
"""What is done at once: a candidate, or the baseline that all of a seed begin with; its parameters; and the seed."""


@dataclass(frozen=True, slots=True)
class _Confirmation:
    """The evaluations of candidates by part, one for each fresh seed, and their models."""

    select: dict[str, list[Evaluation]]
    test: dict[str, list[Evaluation]]
    models: dict[str, list[FinishedRun]]


def leaders(study: Study, n: int) -> list[FrozenTrial]:
    """Returns the n best trials with different parameters, without those whose samples copy training images.

    With several objectives they are taken from the Pareto front. The first objective orders them.
    """
    several = len(study.directions) > 1
    trials = study.best_trials if several else study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    allowed = [trial for trial in trials if all(excess <= 0 for excess in trial.user_attrs.get(BEYOND, {}).values())]
    sign = 1 if study.directions[0] == StudyDirection.MINIMIZE else -1
    found: list[FrozenTrial] = []
    for trial in sorted(allowed, key=lambda one: sign * one.values[0]):
        if len(found) < n and all(trial.params != other.params for other in found):
            found.append(trial)
    return found


def confirm(study: Study, config: TuneConfig, runner: Runner, run: Run) -> list[str]:
    """Runs the leading trials again on fresh seeds, judges them once, and registers the one that select prefers.

    Args:
        study: A study whose trials are finished.
        config: The configuration of the search.
        runner: Finds or makes the runs.
        run: The run of the study.

    Returns:
        The results, in sentences.
    """
    candidates: dict[str, dict[str, Value]] = {CONTROL: {"augment_run": NO_RUN}}
    others = [trial for trial in leaders(study, config.finalists + 1) if trial.params != candidates[CONTROL]]
    trials = {f"trial {trial.number}": trial for trial in others[: config.finalists]}
    candidates |= {label: dict(trial.params) for label, trial in trials.items()}
    runner.say(f"{'tune':<11}running {', '.join(candidates)} on {config.fresh_seeds} fresh seeds")
    found = _runs_of(candidates, config, runner, run)
    lead = config.wanted[0]
    chosen = preferred_over_seeds(found.select, CONTROL, lead)
    names = tuple(dict.fromkeys((*COMPARED, lead)))
    compared = compare_over_seeds(found.test, CONTROL, names=names) if len(found.test) > 1 else []
    sentence = _sentence(chosen, trials.get(chosen), found, study=study, compared=compared, config=config)
    run.log_table(_table(found, compared), "study/confirmed.csv")
    figures = _figures(found)
    test = {label: {name: figures[f"{label}/test_{name}"] for name in SUMMARY} for label in found.test}
    listed = listed_figures(test, chosen)
    run.log_figures(listed | figures, listed=listed)
    run.log_tags({tags.PART: "test"})
    command = f"This command makes the same weights: {_command(candidates[chosen], config.seeds, runner)}"
    if runner.configs[RegisterConfig].registered_model == NO_MODEL:
        return [sentence, command]
    registered = _register(found.models[chosen], candidates[chosen], runner, run)
    _note(registered, f"Study {config.study}, {chosen}. {sentence}.\n\n{command}", runner)
    promote_if_new(runner, run.id)
    return [sentence, registered.sentence, command]


def _runs_of(
    candidates: Mapping[str, Mapping[str, Value]], config: TuneConfig, runner: Runner, run: Run
) -> _Confirmation:
    fresh = range(config.seeds, config.seeds + config.fresh_seeds)
    n = number_of_workers(config.workers, runner.device)
    of_seed = {BASELINE: {}, **candidates}
    tasks: list[Task] = [(label, dict(values), seed) for seed in fresh for label, values in of_seed.items()]
    made: dict[str, str] = {}
    for done in share_tasks(runner, partial(_run_task, run.id), tasks, n, after=_baseline_of):
        made |= done.result
    opened = {name: runner.tracker.open(run_id) for name, run_id in made.items()}
    whole = [label for label in candidates if all(f"{label} {seed} model" in opened for seed in fresh)]

    def evaluations(label: str, part: str) -> list[Evaluation]:
        return [opened[f"{label} {seed} {part}"].load(Evaluation, f"evaluation_{part}") for seed in fresh]

    return _Confirmation(
        select={label: evaluations(label, "select") for label in whole},
        test={label: evaluations(label, "test") for label in whole},
        models={label: [opened[f"{label} {seed} model"] for seed in fresh] for label in whole},
    )


def _baseline_of(task: Task) -> Task | None:
    """Returns the task whose result all candidates of a seed begin with, or None for that one."""
    label, _, seed = task
    return None if label == BASELINE else (BASELINE, {}, seed)


def _run_task(parent: str, runner: Runner, task: Task) -> dict[str, str]:
    label, values, seed = task
    runs = SeedRuns(runner, shared_runs(runner, {}, parent), seed, parent)
    known = runs.baseline()
    if label == BASELINE:
        return {}
    name = f"{label} seed {seed}"
    try:
        if values.get("augment_run") != NO_RUN:
            known["augment"] = runs.augment(known, name, _of(AugmentConfig, values))
        model = runs.finetune(known, name, _of(FinetuneConfig, values))
    except (SelectionError, TrainingError, DataError) as error:
        runner.say(f"{'tune':<11}{label} is left out, since it fails on seed {seed}: {error}")
        return {}
    sampler = _of(EvaluateConfig, values)
    made = {f"{label} {seed} {part}": runs.evaluate(name, model, part, **sampler).id for part in ("select", "test")}
    return {**made, f"{label} {seed} model": model.id}


def _of(kind: type[AugmentConfig | FinetuneConfig | EvaluateConfig], values: Mapping[str, Value]) -> dict[str, Value]:
    return {name: value for name, value in values.items() if name in kind.model_fields and name != "augment_run"}


def _register(models: Sequence[FinishedRun], values: Mapping[str, Value], runner: Runner, run: Run) -> FinishedRun:
    sampler = runner.config(EvaluateConfig, _of(EvaluateConfig, values))
    changes = sampler.model_dump(include=set(SamplerSettings.model_fields))
    return runner.resolve(
        REGISTER,
        {},
        parent=run.id,
        label="the best",
        changes={"model_run": models[0].id, "served_sampler": sampler.sampler, **changes},
    )


def _note(registered: FinishedRun, markdown: str, runner: Runner) -> None:
    registry = runner.tracker.registry
    for version in registry.of_run(registered.id):
        registry.note(version, {}, description=version.with_section("Search", markdown))


def _sentence(
    chosen: str,
    trial: FrozenTrial | None,
    found: _Confirmation,
    *,
    study: Study,
    compared: Sequence[Comparison],
    config: TuneConfig,
) -> str:
    lead = config.wanted[0]
    title, seeds = FIGURES[lead].title, f"{config.fresh_seeds} fresh seeds"
    if trial is None:
        return (
            f"On {seeds} and the part select, no trial has a better {title} than the control without losing Coverage "
            "or copying training images. So the control is registered"
        )
    row = next((row for row in compared if (row.model, row.name) == (chosen, lead)), None)
    test = _difference(found.test, chosen, lead)
    interval = f" ({row.low:+.3g} to {row.high:+.3g}; {row.verdict})" if row else ""
    means = " to ".join(f"{mean_over_seeds(found.test[label], lead).value:.4g}" for label in (CONTROL, chosen))
    parts = {"on fresh seeds by select": _difference(found.select, chosen, lead), "by test": test}
    control = next((one for one in finished(study) if one.params == {"augment_run": NO_RUN} and one.values), None)
    if control is not None:
        parts = {"in the search": trial.values[0] - control.values[0], **parts}
    optimism = ", ".join(f"{where} {difference:+.3g}" for where, difference in parts.items())
    return (
        f"{chosen} against the control on {seeds}, by the part test: {title} {means}{interval}. "
        f"The difference was {optimism}; its decrease from one to the next is the optimism of the search"
    )


def _difference(by_label: Mapping[str, Sequence[Evaluation]], label: str, name: str) -> float:
    return mean_over_seeds(by_label[label], name).value - mean_over_seeds(by_label[CONTROL], name).value


def _table(found: _Confirmation, compared: Sequence[Comparison]) -> pd.DataFrame:
    by_pair = {(row.model, row.name): row for row in compared}
    rows = []
    for label, evaluations in found.test.items():
        for name in SUMMARY:
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


def _figures(found: _Confirmation) -> dict[str, float]:
    return {
        f"{label}/{part}_{name}": mean_over_seeds(evaluations, name).value
        for part, by_label in (("select", found.select), ("test", found.test))
        for label, evaluations in by_label.items()
        for name in SUMMARY
    }


def _command(values: Mapping[str, Value], seed: int, runner: Runner) -> str:
    """Returns the command that makes the chosen model of the first fresh seed, with all that differs from defaults."""
    given: dict[str, object] = {}
    for kind in (DataConfig, TrainConfig, AugmentConfig, FinetuneConfig, Options):
        settings = runner.configs[kind].model_dump(mode="json")
        given |= {
            name: settings[name]
            for name in kind.model_fields
            if not has_default(runner.configs[kind], name) and not name.endswith(("_run", "_dir"))
        }
    given |= {name: value for name, value in values.items() if name != "sampler"}
    given |= dict.fromkeys(("train_seed", "augment_seed", "finetune_seed"), seed)
    if "sampler" in values:
        given["served_sampler"] = values["sampler"]
    words = (shlex.quote(f"{name}={value}") for name, value in given.items())
    return "mlflow run . -e finetune " + " ".join(f"-P {word}" for word in words)
