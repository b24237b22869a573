"""The runs that `ablate` reads: every arm by every seed, evaluated by the parts select and test."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from lds_mlflow.arms import ARMS, BASELINE, LDS, Arm
from lds_mlflow.config import NO_RUN, AblateConfig
from lds_mlflow.errors import SelectionError
from lds_mlflow.pipeline.models import evaluate_model
from lds_mlflow.pipeline.runner import Runner
from lds_mlflow.pipeline.workers import number_of_workers, share_tasks
from lds_mlflow.samplers import PRIOR
from lds_mlflow.tracking import FinishedRun

__all__ = ["inputs_of_ablate"]

_GENERATIONS = "generations"
_SAMPLES_OF_A_SEED = 2**20

Runs = dict[str, FinishedRun]
Task = tuple[str, int]
"""What is done at once: an arm or the generations, and a seed."""


def inputs_of_ablate(
    runner: Runner, config: AblateConfig, known: Mapping[str, FinishedRun], parent: str
) -> dict[str, FinishedRun]:
    """Returns the runs that tell of all arms, named ARM-SEED-PART; makes what isn't there."""
    shared = _shared(runner, dict(known), parent)
    arms = [name for name in config.wanted if name != BASELINE and _is_possible(ARMS[name], shared["data"])]
    stages = [[BASELINE], arms, *([[_GENERATIONS]] if config.generations else [])]
    n_workers = number_of_workers(config.workers, runner.device)
    work = partial(_run_task, parent, config.generations)
    found, n_done, n_tasks = dict(shared), 0, sum(map(len, stages)) * config.seeds
    # What all arms of a seed begin with comes first: two workers would else wait for one another.
    for names in stages:
        tasks = [(name, seed) for seed in range(config.seeds) for name in names]
        for made in share_tasks(runner, work, tasks, n_workers):
            found |= {label: runner.tracker.open(run_id) for label, run_id in made.items()}
            n_done += 1
            runner.say(f"{'ablate':<11}{n_done} of {n_tasks} done: {', '.join(sorted(made)) or 'an arm left out'}")
    return found


def _shared(runner: Runner, known: Runs, parent: str) -> Runs:
    known["data"] = known.get("data") or runner.resolve("data", known, parent=parent)
    known["classifier"] = known.get("classifier") or runner.resolve("classifier", known, parent=parent)
    return {name: known[name] for name in ("data", "classifier")}


def _is_possible(arm: Arm, data: FinishedRun) -> bool:
    has = {"classes": data.metrics["data/classes"] > 1, "reserve": "data/reserve_images" in data.metrics}
    return not arm.needs or has[arm.needs]


def _run_task(parent: str, generations: int, runner: Runner, task: Task) -> dict[str, str]:
    """Returns the ids of the runs that ablate reads, by their labels; none for an arm that has no A on these images."""
    name, seed = task
    seed_runs = _SeedRuns(runner, _shared(runner, {}, parent), seed, parent)
    try:
        made = seed_runs.generations(generations) if name == _GENERATIONS else seed_runs.arm(ARMS[name])
    except SelectionError as error:
        runner.say(f"{'ablate':<11}{name} of seed {seed} is left out: {error}")
        return {}
    return {label: run.id for label, run in made.items()}


@dataclass(frozen=True, slots=True)
class _SeedRuns:
    """Finds or makes the runs of one seed.

    Attributes:
        runner: What finds or makes one.
        shared: The runs that all seeds have in common.
        seed: Of training, augmentation, finetuning and samples.
        parent: Id of the run to nest new ones under.
    """

    runner: Runner
    shared: Runs
    seed: int
    parent: str

    def arm(self, arm: Arm) -> Runs:
        known, label = self._baseline(), f"{arm.name} {self.seed}"
        made: Runs = {}
        if arm.augment is not None:
            known["augment"] = made[f"{arm.name}-{self.seed}-augment"] = self._augment(arm, known, label)
        model = known["train"] if arm.finetune is None else self._finetune(arm, known, label)
        return made | self._evaluate(arm.name, label, model, arm.sampler)

    def generations(self, generations: int) -> Runs:
        """Finetunes on A by the draft's rule, then again on that model's own A, and so on."""
        known = self._baseline()
        made: Runs = {}
        for generation in range(1, generations + 1):
            label = f"generation {generation} seed {self.seed}"
            known["augment"] = self._augment(ARMS[LDS], known, label)
            model = self._finetune(ARMS[LDS], known, label)
            made |= self._evaluate(f"generation {generation}", label, model, PRIOR)
            if generation < generations:
                known = {**self.shared, "train": model}
                known["encode"] = self._resolve("encode", known, label)
        return made

    def _resolve(self, step: str, known: Runs, label: str, **changes: Any) -> FinishedRun:
        return self.runner.resolve(step, known, parent=self.parent, label=label, changes=changes)

    def _baseline(self) -> Runs:
        known, label = dict(self.shared), f"seed {self.seed}"
        known["train"] = self._resolve("train", known, label, train_seed=self.seed)
        known["encode"] = self._resolve("encode", known, label)
        return known

    def _augment(self, arm: Arm, known: Runs, label: str) -> FinishedRun:
        return self._resolve("augment", known, label, augment_seed=self.seed, **(arm.augment or {}))

    def _finetune(self, arm: Arm, known: Runs, label: str) -> FinishedRun:
        without = {"augment_run": NO_RUN} if arm.augment is None else {}
        return self._resolve("finetune", known, label, finetune_seed=self.seed, **without, **(arm.finetune or {}))

    def _evaluate(self, name: str, label: str, model: FinishedRun, sampler: str) -> Runs:
        made: Runs = {}
        for part in ("select", "test"):
            changes = {"part": part, "sampler": sampler, "sample_seed": self.seed * _SAMPLES_OF_A_SEED}
            made[f"{name}-{self.seed}-{part}"] = evaluate_model(
                self.runner, f"{label} {part}", model, self.shared, self.parent, **changes
            )
        return made
