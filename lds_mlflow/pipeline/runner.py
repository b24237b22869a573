"""Finds or makes the run of a step: what it needs first, then what is there already, else by running it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

from lds_mlflow.config import AUTO, NO_RUN, Configs, OpenConfig, Options, Settings, StepConfig, parse
from lds_mlflow.entry.fingerprint import digest_of_feature_code
from lds_mlflow.entry.graph import OPEN, REGISTER, STEPS, TEST_PARTS, Input, Step, steps_behind
from lds_mlflow.errors import ArtifactError, ConfigError, GoneError
from lds_mlflow.machine.interrupts import Interruption
from lds_mlflow.machine.locks import locked
from lds_mlflow.machine.ranks import ALONE, Ranks, device_of
from lds_mlflow.pipeline.early_checks import require_division
from lds_mlflow.pipeline.execution import execute
from lds_mlflow.pipeline.lines import StepLines
from lds_mlflow.pipeline.names import name_of_run
from lds_mlflow.pipeline.records import Ending, note_version, stand_for
from lds_mlflow.pipeline.request import Request, Runs, request
from lds_mlflow.recipes.division import Division
from lds_mlflow.tracking import FinishedRun, Run, Tracker, tags
from lds_mlflow.tracking.context import Context
from lds_mlflow.values import ExampleSet, class_sizes

__all__ = ["Gather", "Runner"]

_FITS = ("train", "finetune")
"""The steps that train a model."""

C = TypeVar("C", bound=Settings)
T = TypeVar("T")


class Runner:
    """Finds or makes the runs of steps.

    Args:
        configs: The configuration of every step that the command may have to run, and the options.
        tracker: Where runs are kept.
        interruption: Knows whether the user wants to stop.
        say: Prints a line.
        gather: Functions that find or make the inputs of steps that read many runs, by the type of their configuration.
        ranks: The processes that compute as one; this process leads them.
    """

    def __init__(
        self,
        configs: Configs,
        tracker: Tracker,
        interruption: Interruption,
        say: Callable[[str], None],
        gather: "Mapping[type[StepConfig], Gather]",
        *,
        ranks: Ranks = ALONE,
    ) -> None:
        self.configs, self.tracker, self.gather = configs, tracker, gather
        self.interruption, self.say = interruption, say
        self.options = configs[Options]
        self.ranks, self.device = ranks, device_of(self.options.device)
        self._checked: set[str] = set()
        self.lines = StepLines(say)
        self.registered = ""
        """The version that the command has registered or judged, as NAME/NUMBER."""

    @property
    def own_model(self) -> str:
        """The user's own model, which takes the place of a trained one, or ""."""
        opened = self.configs.get(OpenConfig)
        return "" if opened is None else opened.model

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
        """Returns a finished run of a step: one that is there, or a new one.

        Args:
            name: The step.
            known: Upstream runs that are settled already.
            parent: The run to nest new runs under.
            own: The run to write to, where it has begun already.
            label: What to add to the name of a new run.
            changes: Parameters that differ from the command's.
        """
        needed = self.request(name, known, parent=parent, changes=changes or {})
        title = name_of_run(name, needed.config, needed.inputs, self.configs, label)
        if own:
            own.rename(title)
        lock = self.options.work_dir / "locks" / needed.fingerprint[:16]
        with locked(lock, lambda: self._say(name, "waiting for another process, which is running the same step")):
            found = self.find(needed, parent)
            if found:
                self.lines.reused(found, title, whole=own is not None)
                self.registered = found.version or self.registered
                if own:
                    stand_for(own, found)
                return found
            if "data" in needed.inputs:
                self.check(needed.inputs["data"])
            run = own or self.tracker.begin(title, parent=parent, values={})
            if own:
                return self._execute(needed, run, title, whole=True)
            with Ending(run):
                return self._execute(needed, run, title, whole=False)

    def request(self, name: str, known: Runs, *, parent: str, changes: Mapping[str, Any]) -> Request:
        """Returns what a run of a step would be made from; its inputs that do not exist yet are made.

        Args:
            name: The step.
            known: Upstream runs that are settled already.
            parent: The run to nest new runs under.
            changes: Parameters that differ from the command's.
        """
        step = STEPS[name]
        if self.own_model and name in _FITS:
            raise ConfigError(
                f"model={self.own_model}",
                found=f"a model that can encode and decode, for the step {name}",
                expected="a step that trains nothing: your own model can be compared by its samplers and registered",
                remedy="Run main, evaluate, sample, register or ablate with it, or leave out model to train one.",
            )
        config = self.config(step.config, changes)
        gather = self.gather.get(step.config, _inputs_as_named)
        inputs = gather(self, config, known, parent)
        return request(step, config, inputs)

    def finished(self, run_id: str) -> FinishedRun:
        """Returns a finished run that this command has found or made."""
        return self.tracker.open(run_id)

    def healing(self, work: Callable[[], T]) -> T:
        """Does what a command does; if a result that it reads is gone, says so and begins again without that result.

        What is finished by then is found again, and what is gone is made again where something needs it.

        Args:
            work: What the command does; it may be called several times.

        Raises:
            GoneError: What is gone is a run that the user has named.
        """
        while True:
            try:
                return work()
            except GoneError as error:
                if not self.tracker.results.give_up(error):
                    raise
                self._say("gone", f"{error.what}: found {error.found}. What needs it makes it again")

    def upstream(self, run: FinishedRun, stem: str, *, parent: str) -> FinishedRun:
        """Returns a run that another was made from, or one with the same result where that is gone.

        Where there is none, it is returned though it is gone, since few steps read all that is behind their inputs.
        Once a step has tried to read it, it is made again.

        Args:
            run: The run that was made from it.
            stem: What it was read as: the name of its step, or "model".
            parent: Id of the run to nest a new run under.

        Raises:
            ConfigError: It is to be made again, and this command's parameters make another.
        """
        results = self.tracker.results
        before = results.upstream(run, stem)
        if not results.missing(before):
            return before
        same = results.equal_to(before.digest)
        if same or not results.is_gone(before):
            return same or before
        step = STEPS.get(before.step)
        again = self.resolve(step.name, {}, parent=parent) if step and self.configs.get(step.config) else None
        if again is None or again.digest != before.digest:
            raise ConfigError(
                f"run {run.id}",
                found=f"that {stem} run {before.id}, which it was made from and which is needed, is gone",
                expected="parameters of this command that make the same result again",
                remedy=f"Give the parameters that the {stem} run was made with, or another model.",
            )
        return again

    def find(self, needed: Request, parent: str) -> FinishedRun | None:
        """Returns a finished run that is as good as the one that is needed, or None where there is none."""
        # What this very command has made is never made again.
        under = None if self.options.reuse else parent
        for found in self.tracker.results.of_fingerprint(needed.fingerprint, under=under):
            missing = self.tracker.results.missing(found)
            if not missing:
                return found
            self._say(needed.step.name, f"run {found.id[:8]} can't be reused: {missing}")
        return None

    def check(self, data: FinishedRun) -> None:
        """Says what can be known from the data's division before the first step that needs it is run."""
        if data.id in self._checked:
            return
        try:
            division = Division.of(data.metrics, data.domain, lambda: _class_sizes(data))
        except GoneError:
            # A model can be used though the record of its data is gone; a step that reads the data says so itself.
            return
        require_division(self.configs, division, self.device)
        self._checked.add(data.id)

    def config(self, kind: type[C], changes: Mapping[str, Any]) -> C:
        """Returns the command's configuration of a kind, with changes.

        Raises:
            ConfigError: A change is of no parameter of it, or has a value that can't be used.
        """
        return parse(kind, self.configs[kind].model_dump() | dict(changes))

    def inputs(self, config: StepConfig, known: Runs, parent: str) -> dict[str, FinishedRun]:
        """Returns every upstream run of a step, by name; given ones are opened before any is made.

        Args:
            config: The configuration of the step.
            known: Upstream runs that are settled already.
            parent: Id of the run to nest new runs under.

        Raises:
            ConfigError: A given run is of another step, or was made from other inputs than the rest.
        """
        found: dict[str, FinishedRun] = {}
        step = _step_of(config)
        for needed in step.inputs:
            reference = getattr(config, needed.parameter)
            if reference not in (AUTO, NO_RUN):
                self._add(found, needed, self.open(needed, reference), parent)
        for needed in step.inputs:
            if getattr(config, needed.parameter) == AUTO:
                settled = {**known, **found}
                made = OPEN if self.own_model and OPEN in needed.steps else needed.steps[0]
                run = settled.get(made) or self.resolve(made, settled, parent=parent)
                self._add(found, needed, run, parent)
        return found

    def open(self, needed: Input, reference: str) -> FinishedRun:
        """Opens a run that a user names.

        Raises:
            ConfigError: It is a run of another step.
            ArtifactError: What it stored is not there any more.
        """
        run = self.tracker.open(reference)
        if run.step == REGISTER:
            run = self.tracker.results.upstream(run, "model")
        missing = self.tracker.results.missing(run)
        if missing:
            raise ArtifactError(
                f"{needed.parameter}={reference}",
                found=missing,
                expected="all that the run has stored",
                remedy=f"Restore it and remove the run's tag {tags.GONE}, if it has one, or give auto.",
            )
        if run.step not in needed.steps:
            raise ConfigError(
                needed.parameter,
                found=f"{reference}, a run of {run.step or 'no step of this project'}",
                expected=f"a run of {' or '.join(needed.steps)}",
                remedy="The tag lds.step in the MLflow UI names the step of each run. Give another run, or auto.",
            )
        return run

    def _add(self, found: dict[str, FinishedRun], needed: Input, run: FinishedRun, parent: str) -> None:
        # A finetuned model that another begins with was made from more than the baseline that it stands for.
        own = needed.stands_for or run.step
        wanted = set(steps_behind(own)) - {own}
        behind = {stem: self.upstream(run, stem, parent=parent) for stem in run.inputs if stem in wanted}
        for name, upstream in {**behind, own: run}.items():
            before = found.setdefault(name, upstream)
            if before.digest != upstream.digest:
                raise ConfigError(
                    needed.parameter,
                    found=f"run {run.id}, which was made from {name} {upstream.id}",
                    expected=f"a run made from {name} {before.id}, as the other inputs are",
                    remedy="Give runs with the same upstream runs, or auto.",
                )
        found[needed.parameter.removesuffix("_run")] = run

    def _execute(self, needed: Request, run: Run, title: str, *, whole: bool) -> FinishedRun:
        started = monotonic()
        execute(needed, self._context(needed, run))
        seconds = monotonic() - started
        finished = self.tracker.open(run.id)
        if finished.version:
            note_version(self.tracker, (finished, needed.inputs["model"]), finished.version)
        self.lines.done(finished, title, seconds, whole=whole)
        self.registered = finished.version or self.registered
        return finished

    def _context(self, needed: Request, run: Run) -> Context:
        inputs, unfinished = needed.inputs, f"{needed.step.name}-{needed.fingerprint[:16]}.pt"
        if not needed.step.judges(needed.config):
            inputs = {stem: upstream.without(*TEST_PARTS) for stem, upstream in inputs.items()}
        return Context(
            run=run,
            inputs=inputs,
            device=self.device,
            ranks=self.ranks,
            fingerprint=needed.fingerprint,
            checkpoint_path=self.options.work_dir / "checkpoints" / unfinished,
            cache_path=self._cache_path(),
            checkpoint_every=self.options.checkpoint_every,
            interruption=self.interruption,
            say=self.say,
        )

    def _cache_path(self) -> Path | None:
        # Features that other code computed are others.
        return self.options.work_dir / "features" / digest_of_feature_code()[:8] if self.options.reuse else None

    def _say(self, name: str, text: str) -> None:
        self.say(f"{name:<11}{text}")


def _class_sizes(data: FinishedRun) -> dict[str, int]:
    train = data.load(ExampleSet, "train")
    return class_sizes(train.labels_N, train.class_names_K)


def _inputs_as_named(runner: Runner, config: StepConfig, known: Runs, parent: str) -> dict[str, FinishedRun]:
    return runner.inputs(config, known, parent)


def _step_of(config: StepConfig) -> Step:
    return next(step for step in STEPS.values() if isinstance(config, step.config))


Gather = Callable[[Runner, Any, Runs, str], dict[str, FinishedRun]]
"""Finds or makes the inputs of a step: of a runner, the step's configuration, settled runs, and the parent's id."""
