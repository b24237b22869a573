"""The runs that `ablate` reads: every arm by every seed, evaluated by the parts select and test."""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from statistics import fmean

from lds_mlflow.choices.samplers import PRIOR
from lds_mlflow.config import AUTO, AblateConfig
from lds_mlflow.config.arms import ARMS, BASELINE, LDS, Arm
from lds_mlflow.entry.graph import OPEN, STEPS
from lds_mlflow.errors import SelectionError
from lds_mlflow.machine.durations import in_words
from lds_mlflow.models import is_trainable
from lds_mlflow.pipeline.request import Runs
from lds_mlflow.pipeline.runner import Runner
from lds_mlflow.pipeline.seed_runs import SeedRuns, shared_runs
from lds_mlflow.pipeline.workers import Done, number_of_workers, share_tasks
from lds_mlflow.tracking import FinishedRun
from lds_mlflow.values import ModelWeights

__all__ = ["inputs_of_ablate"]

_GENERATIONS = "generations"
Task = tuple[str, int]
"""What is done at once: an arm or the generations, and a seed."""


def inputs_of_ablate(runner: Runner, config: AblateConfig, known: Runs, parent: str) -> dict[str, FinishedRun]:
    """Returns the evaluations of all arms, named ARM-SEED-PART; those that don't exist yet are made."""
    shared = _shared(runner, known, parent)
    fits = _can_be_finetuned(runner, shared)
    if not fits:
        runner.say(f"{'ablate':<11}this model can't be trained: arms that finetune are left out, and the control is")
        runner.say(f"{'':<11}the model as it is")
    wanted = [name for name in config.wanted if name != BASELINE and (fits or not ARMS[name].needs_finetuning)]
    arms = [name for name in wanted if _is_possible(ARMS[name], shared["data"])]
    names = [BASELINE, *arms, *([_GENERATIONS] if config.generations and fits else [])]
    tasks = [(name, seed) for seed in range(config.seeds) for name in names]
    n_workers = number_of_workers(config.workers, runner.device)
    work = partial(_run_task, parent, config.generations)
    if n_workers > 1:
        # Workers make runs that this process doesn't hear of one by one.
        runner.lines.plan = None
    found, finished = dict(shared), list[Done]()
    for done in share_tasks(runner, work, tasks, n_workers, after=_baseline_of):
        found |= {label: runner.finished(run_id) for label, run_id in done.result.items()}
        finished.append(done)
        seconds = _seconds_left(tasks, finished)
        left = f", about {in_words(seconds / n_workers)} left" if seconds else ""
        what = ", ".join(sorted(done.result)) or "an arm is left out"
        runner.say(f"{'ablate':<11}{len(finished)} of {len(tasks)} done{left}: {what}")
    return found


def _seconds_left(tasks: Sequence[Task], finished: Sequence[Done]) -> float | None:
    """Returns the seconds that the other tasks take if they take as long as those of their kind, or None."""
    seconds: dict[bool, list[float]] = {True: [], False: []}
    for done in finished:
        seconds[_baseline_of(done.task) is None].append(done.seconds)
    left = Counter(_baseline_of(task) is None for task in tasks)
    left -= Counter({kind: len(taken) for kind, taken in seconds.items()})
    if any(not seconds[kind] for kind in left):
        return None
    return sum(n * fmean(seconds[kind]) for kind, n in left.items())


def _baseline_of(task: Task) -> Task | None:
    """Returns the task whose result all others of a seed begin with, or None for that one."""
    name, seed = task
    return None if name == BASELINE else (BASELINE, seed)


def _shared(runner: Runner, known: Runs, parent: str) -> dict[str, FinishedRun]:
    """Returns the runs that all seeds have in common; a given model is among them, as the run of train."""
    reference = runner.configs[AblateConfig].train_run
    if reference == AUTO and runner.own_model:
        shared = shared_runs(runner, known, parent)
        return {**shared, "train": runner.resolve(OPEN, shared, parent=parent)}
    if reference == AUTO:
        return shared_runs(runner, known, parent)
    (needed,) = STEPS["ablate"].inputs
    given = runner.open(needed, reference)
    data = runner.upstream(given, "data", parent=parent)
    return {**shared_runs(runner, {**known, "data": data}, parent), "train": given}


def _can_be_finetuned(runner: Runner, shared: Runs) -> bool:
    if runner.own_model:
        return False
    return "train" not in shared or is_trainable(shared["train"].load(ModelWeights, "model"))


def _is_possible(arm: Arm, data: FinishedRun) -> bool:
    has = {"classes": data.metrics["classes"] > 1, "reserve": "reserve_examples" in data.metrics}
    return not arm.needs or has[arm.needs]


def _run_task(parent: str, generations: int, runner: Runner, task: Task) -> dict[str, str]:
    """Returns the ids of the runs that ablate reads, by label; an arm whose rule selects nothing here has none."""
    name, seed = task
    seed_runs = SeedRuns(runner, _shared(runner, {}, parent), seed, parent)
    try:
        made = _generations(seed_runs, generations) if name == _GENERATIONS else _arm(seed_runs, ARMS[name])
    except SelectionError as error:
        runner.say(f"{'ablate':<11}{name} of seed {seed} is left out: {error}")
        return {}
    return {label: run.id for label, run in made.items()}


def _arm(runs: SeedRuns, arm: Arm) -> dict[str, FinishedRun]:
    known, label = runs.baseline(), f"{arm.name} {runs.seed}"
    made: dict[str, FinishedRun] = {}
    if arm.augment is not None:
        known["augment"] = made[f"{arm.name}-{runs.seed}-augment"] = runs.augment(known, label, arm.augment)
    stays = arm.finetune is None or not _can_be_finetuned(runs.runner, runs.shared)
    model = known["train"] if stays else runs.finetune(known, label, arm.finetune or {})
    return made | _evaluations(runs, arm.name, label, model, arm.sampler)


def _generations(runs: SeedRuns, generations: int) -> dict[str, FinishedRun]:
    """Finetunes on A by the draft's rule, then finetunes that model on its own A, and so on."""
    known = runs.baseline()
    made: dict[str, FinishedRun] = {}
    for generation in range(1, generations + 1):
        label = f"generation {generation} seed {runs.seed}"
        known["augment"] = runs.augment(known, label, ARMS[LDS].augment or {})
        model = runs.finetune(known, label, ARMS[LDS].finetune or {})
        made |= _evaluations(runs, f"generation {generation}", label, model, PRIOR)
        if generation < generations:
            known = {**runs.shared, "train": model}
            known["encode"] = runs.resolve("encode", known, label)
    return made


def _evaluations(runs: SeedRuns, name: str, label: str, model: FinishedRun, sampler: str) -> dict[str, FinishedRun]:
    return {
        f"{name}-{runs.seed}-{part}": runs.evaluate(label, model, part, sampler=sampler) for part in ("select", "test")
    }
