"""Finds out what a command is going to run, without running it."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from typing_extensions import override

from lds_mlflow.config import AUTO, AblateConfig, AugmentConfig, Configs, FinetuneConfig, TrainConfig, parse
from lds_mlflow.entry.graph import Input
from lds_mlflow.pipeline.plan import Plan
from lds_mlflow.pipeline.request import Runs
from lds_mlflow.pipeline.runner import Runner
from lds_mlflow.recipes.costs import estimate_costs
from lds_mlflow.recipes.fit_requests import steps_at_most
from lds_mlflow.tracking import FinishedRun, NotMadeYetError, PlannedRun, Run
from lds_mlflow.values import ExampleSet

__all__ = ["rehearse", "say_plan"]

_DATA = "data"
_TRAIN = "train"
_FITS = (_TRAIN, "finetune")
_PROBE_SECONDS = 0.5
_WORTH_PROBING = 100
"""Steps of a training; one of fewer is over before anybody asks how long it takes."""


def rehearse(runner: Runner, command: Callable[[Runner], object], parent: str) -> Plan:
    """Returns the plan of a command. Its data is read for that, if no run has read it, and nothing else is run.

    Args:
        runner: The runner that the command is going to use.
        command: What the command does with a runner.
        parent: Id of the command's run.
    """
    rehearsal = _Rehearsal(runner, parent)
    try:
        command(rehearsal)
    except NotMadeYetError:
        rehearsal.found.open_ended = True
    plan = rehearsal.found
    plan.seconds = {
        step: seconds for step in plan.waiting if (seconds := runner.tracker.results.usual_seconds(step)) is not None
    }
    if rehearsal.data is not None and plan.waiting:
        runner.check(rehearsal.data)
        train = runner.configs.get(TrainConfig)
        if train is not None and any(step in plan.waiting for step in _FITS):
            examples = rehearsal.data.load(ExampleSet, "train")
            probed = _probed(runner, train, examples)
            plan.seconds |= probed
            if train.train_steps == AUTO:
                plan.most_steps = {_TRAIN: steps_at_most(train, examples)}
                plan.at_most = frozenset(probed.keys() & {_TRAIN})
    return plan


def say_plan(runner: Runner, plan: Plan, *more: str) -> None:
    """Prints a plan, and more lines about what a command is going to do."""
    for place, line in enumerate((*plan.lines(runner.device), *more)):
        runner.say(f"{'' if place else 'plan':<11}{line}")


def _probed(runner: Runner, train: TrainConfig, examples: ExampleSet) -> dict[str, float]:
    """Returns the seconds of the steps that train, where it is worth it to find out by training a little."""
    # A GPU would compile the step first, which takes longer than the answer is worth.
    if runner.device != "cpu" or steps_at_most(train, examples) < _WORTH_PROBING:
        return {}
    costs = estimate_costs(
        train,
        runner.configs.get(AugmentConfig) or parse(AugmentConfig, {}),
        runner.configs.get(FinetuneConfig) or parse(FinetuneConfig, {}),
        examples,
        checkpoint_every=runner.options.checkpoint_every,
        device=runner.device,
        ranks=runner.ranks,
        probe_seconds=_PROBE_SECONDS,
    )
    return {step: 3600 * costs.calculated[f"{step}_hours"] for step in _FITS}


class _Rehearsal(Runner):
    """A runner that makes no run but that of the data, and counts what the command would make.

    Args:
        runner: The runner of the command.
        parent: Id of the command's run.
    """

    def __init__(self, runner: Runner, parent: str) -> None:
        super().__init__(
            _in_one_process(runner.configs),
            runner.tracker,
            runner.interruption,
            lambda _: None,
            runner.gather,
            ranks=runner.ranks,
        )
        self.runner, self.parent = runner, parent
        self.found = Plan(Counter(), {})
        self.data: FinishedRun | None = None
        self._made: dict[str, FinishedRun] = {}

    @override
    def resolve(
        self,
        name: str,
        known: Runs,
        *,
        parent: str,
        own: Run | None = None,
        label: str = "",
        changes: Mapping[str, Any] | None = None,
    ) -> FinishedRun:
        """Returns a finished run of a step, or what stands for the run that the command would make."""
        if name == _DATA:
            self.data = self.runner.resolve(name, known, parent=parent, label=label, changes=changes)
            return self.data
        needed = self.request(name, known, parent=parent, changes=changes or {})
        if needed.fingerprint not in self._made:
            # What is made from a result that doesn't exist yet can't exist either.
            is_new = any(isinstance(run, PlannedRun) for run in needed.inputs.values())
            found = None if is_new else self.find(needed, parent)
            self.found.reused += found is not None
            if found is None:
                self.found.waiting[name] += 1
                found = PlannedRun(needed.fingerprint, step=name, inputs=needed.inputs)
            self._made[needed.fingerprint] = found
        return self._made[needed.fingerprint]

    @override
    def open(self, needed: Input, reference: str) -> FinishedRun:
        """Opens a run that a user names, or one that is planned."""
        return self._made.get(reference) or super().open(needed, reference)

    @override
    def finished(self, run_id: str) -> FinishedRun:
        """Returns a finished run, or one that is planned."""
        return self._made.get(run_id) or super().finished(run_id)

    @override
    def upstream(self, run: FinishedRun, stem: str, *, parent: str) -> FinishedRun:
        """Returns a run that another was made from, whether it is still there or not."""
        if isinstance(run, PlannedRun):
            return run.made_from[stem]
        return self.tracker.results.upstream(run, stem)


def _in_one_process(configs: Configs) -> Configs:
    ablation = configs.get(AblateConfig)
    if ablation is None:
        return configs
    others = tuple(config for config in configs.all if config is not ablation)
    return replace(configs, all=(*others, ablation.model_copy(update={"workers": 1})))
