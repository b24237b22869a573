"""Finds or makes the run of a step: what it needs first, then what is there already, else by running it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

from filelock import FileLock, Timeout

from lds_mlflow.config import AUTO, NO_RUN, Configs, Options, Settings, StepConfig, parse
from lds_mlflow.domains import domain_of_source
from lds_mlflow.entry.fingerprint import digest_of_feature_code, fingerprint_of
from lds_mlflow.entry.graph import STEPS, TEST_PARTS, Input, Step, steps_behind
from lds_mlflow.errors import ConfigError, Interrupted, without_passwords
from lds_mlflow.machine.files import remove
from lds_mlflow.machine.interrupts import Interruption
from lds_mlflow.machine.ranks import ALONE, Ranks, device_of
from lds_mlflow.pipeline.early_checks import require_division
from lds_mlflow.recipes.division import Division
from lds_mlflow.tracking import FinishedRun, Run, Tracker, tags
from lds_mlflow.tracking.context import Context

__all__ = ["Ending", "Gather", "Runner", "Runs", "in_lines", "log_data"]

C = TypeVar("C", bound=Settings)

Runs = Mapping[str, FinishedRun]
"""Finished runs by what each is read as: the name of its step, or a label where there are several of one step."""


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
        step = STEPS[name]
        config = self.config(step.config, changes or {})
        gather = self.gather.get(step.config, _inputs_as_named)
        inputs = gather(self, config, known, parent)
        digests = {stem: run.digest for stem, run in inputs.items()}
        fingerprint = fingerprint_of(step, config, digests, _outside(step, config))
        with self._lock(name, fingerprint):
            # What this very command has made is never made again.
            found = self.tracker.find(fingerprint, under=None if self.options.reuse else parent)
            if found:
                self._say(name, f"reused run {found.id[:8]}: {found.sentence}")
                if own:
                    _stand_for(own, found)
                return found
            if "data" in inputs:
                self._check(inputs["data"])
            run = own or self.tracker.begin(f"{name} {label}".strip(), parent=parent, values={})
            run.log_tags(
                {tags.STEP: name, tags.FINGERPRINT: fingerprint}
                | {f"{tags.INPUT}{stem}": upstream.id for stem, upstream in inputs.items()}
            )
            return self._execute(step, config, inputs, fingerprint, run)

    def _check(self, data: FinishedRun) -> None:
        """Says what can be known from the data's division before the first step that needs it is run."""
        if data.id not in self._checked:
            domain = domain_of_source(data.params["data"]).name
            require_division(self.configs, Division.of(data.metrics, domain), self.device)
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
                self._add(found, needed, self.open(needed, reference))
        for needed in step.inputs:
            if getattr(config, needed.parameter) == AUTO:
                settled = {**known, **found}
                made = needed.steps[0]
                run = settled.get(made) or self.resolve(made, settled, parent=parent)
                self._add(found, needed, run)
        return found

    def open(self, needed: Input, reference: str) -> FinishedRun:
        """Opens a run that a user names; raises ConfigError where it is one of another step."""
        run = self.tracker.open(reference)
        if run.step not in needed.steps:
            raise ConfigError(
                needed.parameter,
                found=f"{reference}, a run of {run.step or 'no step of this project'}",
                expected=f"a run of {' or '.join(needed.steps)}",
                remedy="The tag lds.step in the MLflow UI names the step of each run. Give another run, or auto.",
            )
        return run

    def _add(self, found: dict[str, FinishedRun], needed: Input, run: FinishedRun) -> None:
        # A finetuned model that another begins with was made from more than the baseline that it stands for.
        own = needed.stands_for or run.step
        wanted = set(steps_behind(own)) - {own}
        behind = {stem: self.tracker.open(run_id) for stem, run_id in run.inputs.items() if stem in wanted}
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

    def _execute(
        self, step: Step, config: StepConfig, inputs: dict[str, FinishedRun], fingerprint: str, run: Run
    ) -> FinishedRun:
        checkpoint_path = self.options.work_dir / "checkpoints" / f"{step.name}-{fingerprint[:16]}.pt"
        resumes = ", continuing from its checkpoint" if checkpoint_path.exists() else ""
        self._say(step.name, f"running on {self.device}{resumes} (run {run.id[:8]})")
        context = Context(
            run=run,
            inputs=inputs if step.judges(config) else {stem: run.without(*TEST_PARTS) for stem, run in inputs.items()},
            device=self.device,
            ranks=self.ranks,
            fingerprint=fingerprint,
            checkpoint_path=checkpoint_path,
            cache_path=self._cache_path(),
            checkpoint_every=self.options.checkpoint_every,
            interruption=self.interruption,
            say=self.say,
        )
        with Ending(run):
            started = monotonic()
            run.log_params(config.model_dump(mode="json"))
            log_data(run, inputs)
            run.watch_system()
            sentence = import_module(step.module).run(config, context)
            run.log_metrics({"cost/seconds": monotonic() - started})
            run.log_tags({tags.SENTENCE: sentence})
            run.log_note(f"**{step.name}**: {in_lines(sentence)}.\n\n{context.lineage}")
            run.end("FINISHED")
        remove(checkpoint_path)
        self._say(step.name, f"done in {monotonic() - started:.1f} s: {sentence}")
        return self.tracker.open(run.id)

    @contextmanager
    def _lock(self, name: str, fingerprint: str) -> Iterator[None]:
        """Keeps two processes from making the same result at once."""
        path = self.options.work_dir / "locks" / fingerprint[:16]
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            self._say(name, "waiting for another process, which is running the same step")
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def _cache_path(self) -> Path | None:
        # Features that other code computed are others.
        return self.options.work_dir / "features" / digest_of_feature_code()[:8] if self.options.reuse else None

    def _say(self, name: str, text: str) -> None:
        self.say(f"{name:<11}{text}")


class Ending:
    """Ends a run as KILLED or FAILED where an exception leaves its block."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None or self.run.has_ended:
            return
        if not isinstance(error, Interrupted | KeyboardInterrupt):
            said = without_passwords(str(error))
            self.run.log_tags({tags.ERROR: f"{type(error).__name__}: {said}"[:5000]})
            self.run.log_note(f"**Failed.** {said}"[:5000])
        self.run.end("KILLED" if isinstance(error, Interrupted | KeyboardInterrupt) else "FAILED")


def _stand_for(own: Run, found: FinishedRun) -> None:
    own.log_metrics({name: value for name, value in found.metrics.items() if not name.startswith("system/")})
    own.log_tags({tags.REUSED: found.id, tags.SENTENCE: found.sentence})
    own.log_note(f"This run had nothing to do: {found.link} already has the result. {found.sentence}.")
    own.end("FINISHED")


def in_lines(sentence: str) -> str:
    """Returns a sentence of several lines as Markdown that has them too."""
    # In Markdown one newline is a space.
    return sentence.replace("\n", "\n\n")


def _inputs_as_named(runner: Runner, config: StepConfig, known: Runs, parent: str) -> dict[str, FinishedRun]:
    return runner.inputs(config, known, parent)


def _step_of(config: StepConfig) -> Step:
    return next(step for step in STEPS.values() if isinstance(config, step.config))


def _outside(step: Step, config: StepConfig) -> str:
    """Returns the digest of the files that a step reads from outside the pipeline, or "" where it reads none."""
    outside: Callable[[Any], str] | None = getattr(import_module(step.module), "outside", None)
    return outside(config) if outside else ""


def log_data(run: Run, inputs: Runs) -> None:
    """Logs the data set that a run was made from."""
    source = inputs.get("data")
    if source is not None:
        n_examples = sum(int(value) for name, value in source.metrics.items() if name.endswith("_examples"))
        where = source.params["data"]
        run.log_dataset(
            f"data run {source.id[:8]}", source=where, digest=source.digest, context="data", n_examples=n_examples
        )


Gather = Callable[[Runner, Any, Runs, str], dict[str, FinishedRun]]
"""Finds or makes the inputs of a step: of a runner, the step's configuration, settled runs, and the parent's id."""
