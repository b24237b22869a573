"""Runs steps: finds or makes what each needs, reuses what is there, and goes on where it was interrupted.

This is the one place that knows two steps.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import torch
from filelock import FileLock, Timeout

from lds_mlflow.comparing import comparison_note, models_chart
from lds_mlflow.config import (
    AUTO,
    NO_MODEL,
    NO_RUN,
    CompareConfig,
    EvaluateConfig,
    Options,
    Settings,
    StepConfig,
    named_runs,
    parse,
)
from lds_mlflow.context import Context
from lds_mlflow.errors import ConfigError, Interrupted
from lds_mlflow.fingerprint import code_digest, fingerprint_of
from lds_mlflow.graph import COMPARE, MAIN, STEPS, TEST_PARTS, Input, Step, steps_behind
from lds_mlflow.interrupts import Interruption
from lds_mlflow.metrics import COMPARED
from lds_mlflow.steps import augment, classifier, compare, data, encode, evaluate, finetune, sample, train
from lds_mlflow.tracking import FinishedRun, Run, Tracker, tags
from lds_mlflow.values import Evaluation

__all__ = ["Pipeline"]

_FEATURE_CODE = ("metrics", "sampling.py")


@dataclass(frozen=True, slots=True)
class _Code:
    run: Callable[[Any, Context], str]
    outside: Callable[[Any], str] = lambda config: ""


_CODE: dict[str, _Code] = {
    "data": _Code(data.run, data.outside),
    "train": _Code(train.run),
    "encode": _Code(encode.run),
    "augment": _Code(augment.run),
    "finetune": _Code(finetune.run),
    "classifier": _Code(classifier.run),
    "evaluate": _Code(evaluate.run, evaluate.outside),
    "compare": _Code(compare.run),
    "sample": _Code(sample.run),
}


class Pipeline:
    """The steps of one command.

    Args:
        configs: The configuration of every step that the command may have to run, and the options.
        tracker: Where runs are kept.
        interruption: Who knows whether the user wants to stop.
        say: Prints a line.
    """

    def __init__(
        self,
        configs: Mapping[type[Settings], Settings],
        tracker: Tracker,
        interruption: Interruption,
        say: Callable[[str], None],
    ) -> None:
        self.configs, self.tracker = configs, tracker
        self.interruption, self.say = interruption, say
        self.options = parse(Options, configs[Options].model_dump())
        self.device = _device(self.options.device)

    def run(self, name: str) -> FinishedRun:
        """Runs one step as the command's own run; what it needs from upstream becomes child runs.

        Raises:
            LdsError: Something that the user can mend is wrong.
            Interrupted: The user asked to stop.
        """
        self.tracker.end_orphans()
        run = self.tracker.begin(name, parent=None, values={})
        with _Ending(run):
            return self._resolve(name, {}, parent=run.id, own=run)

    def main(self) -> Run:
        """Runs the whole pipeline, and compares the baseline, the control and the finetuned model.

        Raises:
            LdsError: Something that the user can mend is wrong.
            Interrupted: The user asked to stop.
        """
        self.tracker.end_orphans()
        run = self.tracker.begin(MAIN, parent=None, values={tags.STEP: MAIN})
        with _Ending(run):
            for name in steps_behind(MAIN):
                run.log_params(self._config(STEPS[name], {}).model_dump(mode="json", exclude=STEPS[name].references))
            known = {"data": self._resolve("data", {}, parent=run.id)}
            _log_data(run, known)
            compared = self._resolve(COMPARE, known, parent=run.id)
            self._show(run, compared)
            run.end("FINISHED")
        return run

    def _show(self, run: Run, compared: FinishedRun) -> None:
        """Shows on main's own run what was compared."""
        runs = {label: self.tracker.open(run_id) for label, run_id in compared.inputs.items()}
        evaluations = {
            label: found.load(Evaluation, f"evaluation_{found.params['part']}") for label, found in runs.items()
        }
        shown = {name: value for name, value in compared.metrics.items() if name.rsplit("/", 1)[-1] in COMPARED}
        run.log_metrics(shown)
        run.log_tags({tags.SENTENCE: compared.sentence})
        run.log_picture(models_chart(evaluations), "pictures/comparison.png")
        table = comparison_note(evaluations, {label: found.link for label, found in runs.items()})
        run.log_note(f"{table}\n\n{_lines(compared.sentence)}\n\n{compared.link} has the report, with intervals.")

    def _three_models(self, known: dict[str, FinishedRun], parent: str) -> dict[str, FinishedRun]:
        """Returns the baseline, the control (finetuned as long without A) and the finetuned model."""
        if "data" not in known:
            known["data"] = self._resolve("data", known, parent=parent)
        # Images without labels stop it before anything is trained.
        for name in (*(() if self._goes_without_classes(known["data"]) else ("classifier",)), "train"):
            known[name] = self._resolve(name, known, parent=parent)
        control = self._resolve(
            "finetune",
            known,
            parent=parent,
            label="control",
            changes={"augment_run": NO_RUN, "registered_model": NO_MODEL},
        )
        finetuned = self._resolve("finetune", known, parent=parent)
        return {"baseline": known.pop("train"), "control": control, "finetuned": finetuned}

    def _evaluations(self, reference: str, known: Mapping[str, FinishedRun], parent: str) -> dict[str, FinishedRun]:
        """Returns the evaluations of the models that `runs` names, by name; those that there are not are made."""
        settled = dict(known)
        if reference == AUTO:
            models = self._three_models(settled, parent)
        else:
            wanted = Input("runs", (*STEPS[COMPARE].inputs[0].steps,))
            models = {}
            for label, run in named_runs(reference):
                found = self._open(wanted, run)
                name = label or self._name(found)
                if name in models:
                    raise ConfigError(
                        "runs",
                        found=f"two of {name}",
                        expected="each model once, or names of their own",
                        remedy="Leave one out, or give runs=NAME=RUN,NAME=RUN.",
                    )
                models[name] = found
        return {
            label: model if model.step == "evaluate" else self._evaluate(label, model, settled, parent)
            for label, model in models.items()
        }

    def _name(self, run: FinishedRun) -> str:
        model = self.tracker.open(run.inputs["model"]) if run.step == "evaluate" else run
        return f"{model.step} {model.id[:8]}"

    def _evaluate(self, label: str, model: FinishedRun, known: Mapping[str, FinishedRun], parent: str) -> FinishedRun:
        goes_without = self._goes_without_classes(self.tracker.open(model.inputs["data"]))
        changes = {"model_run": model.id} | ({"classifier_run": NO_RUN} if goes_without else {})
        return self._resolve("evaluate", known, parent=parent, label=label, changes=changes)

    def _goes_without_classes(self, data_run: FinishedRun) -> bool:
        evaluating = parse(EvaluateConfig, self.configs[EvaluateConfig].model_dump())
        return evaluating.features != "classifier" and data_run.metrics["data/classes"] == 0

    def _resolve(
        self,
        name: str,
        known: Mapping[str, FinishedRun],
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
        config = self._config(step, changes or {})
        inputs = self._inputs(step, config, known, parent)
        outside = _CODE[name].outside(config)
        digests = {stem: run.digest for stem, run in inputs.items()}
        if isinstance(config, CompareConfig):
            # The first of a pair is the reference.
            digests = {f"{place} {stem}": digest for place, (stem, digest) in enumerate(digests.items())}
        fingerprint = fingerprint_of(step, config, digests, outside)
        with self._lock(name, fingerprint):
            found = self.tracker.find(fingerprint) if self.options.reuse else None
            if found:
                self._say(name, f"reused run {found.id[:8]}: {found.sentence}")
                if own:
                    _stand_for(own, found)
                return found
            run = own or self.tracker.begin(f"{name} {label}".strip(), parent=parent, values={})
            run.log_tags(
                {tags.STEP: name, tags.FINGERPRINT: fingerprint}
                | {f"{tags.INPUT}{stem}": upstream.id for stem, upstream in inputs.items()}
            )
            return self._execute(step, config, inputs, fingerprint, run)

    def _config(self, step: Step, changes: Mapping[str, Any]) -> StepConfig:
        return parse(step.config, self.configs[step.config].model_dump() | dict(changes))

    def _inputs(
        self, step: Step, config: StepConfig, known: Mapping[str, FinishedRun], parent: str
    ) -> dict[str, FinishedRun]:
        """Returns every upstream run of a step, by name; given ones are opened before any is made."""
        if isinstance(config, CompareConfig):
            return self._evaluations(config.runs, known, parent)
        found: dict[str, FinishedRun] = {}
        for needed in step.inputs:
            reference = getattr(config, needed.parameter)
            if reference not in (AUTO, NO_RUN):
                self._add(found, needed, self._open(needed, reference))
        for needed in step.inputs:
            if getattr(config, needed.parameter) == AUTO:
                settled = {**known, **found}
                made = needed.steps[0]
                run = settled.get(made) or self._resolve(made, settled, parent=parent)
                self._add(found, needed, run)
        return found

    def _open(self, needed: Input, reference: str) -> FinishedRun:
        run = self.tracker.open(reference)
        if run.step not in needed.steps:
            raise ConfigError(
                needed.parameter,
                found=f"{reference}, a run of {run.step or 'something else'}",
                expected=f"a run of {' or '.join(needed.steps)}",
                remedy="See the tag lds.step of a run in the MLflow UI, or give auto.",
            )
        return run

    def _add(self, found: dict[str, FinishedRun], needed: Input, run: FinishedRun) -> None:
        behind = {stem: self.tracker.open(run_id) for stem, run_id in run.inputs.items() if stem != "model"}
        for name, upstream in {**behind, run.step: run}.items():
            before = found.setdefault(name, upstream)
            if before.digest != upstream.digest:
                raise ConfigError(
                    needed.parameter,
                    found=f"run {run.id}, which was made from {name} {upstream.id}",
                    expected=f"the same {name} as the other inputs have, {before.id}",
                    remedy="Give runs of one lineage, or auto.",
                )
        found[needed.parameter.removesuffix("_run")] = run

    def _execute(
        self, step: Step, config: StepConfig, inputs: dict[str, FinishedRun], fingerprint: str, run: Run
    ) -> FinishedRun:
        checkpoint_path = self.options.work_dir / "checkpoints" / f"{step.name}-{fingerprint[:16]}.pt"
        resumes = ", going on from its checkpoint" if checkpoint_path.is_file() else ""
        self._say(step.name, f"running on {self.device}{resumes} (run {run.id[:8]})")
        context = Context(
            run=run,
            inputs=inputs
            if _judges(step, config)
            else {stem: run.without(*TEST_PARTS) for stem, run in inputs.items()},
            device=self.device,
            fingerprint=fingerprint,
            checkpoint_path=checkpoint_path,
            cache_path=self._cache_path(),
            checkpoint_every=self.options.checkpoint_every,
            interruption=self.interruption,
            say=self.say,
        )
        with _Ending(run):
            started = monotonic()
            run.log_params(config.model_dump(mode="json"))
            _log_data(run, inputs)
            run.watch_system()
            sentence = _CODE[step.name].run(config, context)
            run.log_metrics({"cost/seconds": monotonic() - started})
            run.log_tags({tags.SENTENCE: sentence})
            run.log_note(f"**{step.name}**: {_lines(sentence)}.\n\n{context.lineage}")
            run.end("FINISHED")
        checkpoint_path.unlink(missing_ok=True)
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
            self._say(name, "waiting for another process that is running this very step")
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def _cache_path(self) -> Path | None:
        # Features that other code computed are others.
        return self.options.work_dir / "features" / code_digest(_FEATURE_CODE)[:8] if self.options.reuse else None

    def _say(self, name: str, text: str) -> None:
        self.say(f"{name:<11}{text}")


class _Ending:
    """Ends a run as KILLED or FAILED where an exception leaves its block."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None:
            return
        if not isinstance(error, Interrupted | KeyboardInterrupt):
            self.run.log_tags({tags.ERROR: f"{type(error).__name__}: {error}"[:5000]})
            self.run.log_note(f"**Failed.** {error}"[:5000])
        self.run.end("KILLED" if isinstance(error, Interrupted | KeyboardInterrupt) else "FAILED")


def _stand_for(own: Run, found: FinishedRun) -> None:
    own.log_metrics({name: value for name, value in found.metrics.items() if not name.startswith("system/")})
    own.log_tags({tags.REUSED: found.id, tags.SENTENCE: found.sentence})
    own.log_note(f"Nothing to do: {found.link} has this result. {found.sentence}.")
    own.end("FINISHED")


def _lines(sentence: str) -> str:
    # In Markdown one newline is a space.
    return sentence.replace("\n", "\n\n")


def _judges(step: Step, config: StepConfig) -> bool:
    return step.judges and not (isinstance(config, EvaluateConfig) and config.part != "test")


def _log_data(run: Run, inputs: Mapping[str, FinishedRun]) -> None:
    source = inputs.get("data")
    if source is not None:
        n_images = sum(int(value) for name, value in source.metrics.items() if name.endswith("_images"))
        where = source.params["data"]
        run.log_dataset(
            f"data run {source.id[:8]}", source=where, digest=source.digest, context="data", n_images=n_images
        )


def _device(wanted: str) -> str:
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if wanted != "cpu" and not torch.cuda.is_available():
        raise ConfigError(
            "device",
            found=f"{wanted}, and no GPU that torch can use",
            expected="cpu or auto",
            remedy="Give device=cpu.",
        )
    return wanted
