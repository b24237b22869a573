"""The commands: one step with all that it needs, or the whole pipeline."""

import shutil
from collections.abc import Callable
from pathlib import Path

from lds_mlflow.config import (
    NO_MODEL,
    AblateConfig,
    CompareConfig,
    Configs,
    EvaluateConfig,
    ExportFolder,
    PromoteConfig,
    RegisterConfig,
    SampleConfig,
    StepConfig,
)
from lds_mlflow.entry.graph import COMPARE, EXPORT, REGISTER, STEPS
from lds_mlflow.entry.points import ENTRY_POINTS, MAIN, PROMOTE
from lds_mlflow.errors import ConfigError, quoted
from lds_mlflow.machine.files import digest_of_file
from lds_mlflow.machine.interrupts import Interruption
from lds_mlflow.machine.ranks import ALONE, Ranks
from lds_mlflow.models.own import FOLDER
from lds_mlflow.pipeline.ablation_runs import inputs_of_ablate
from lds_mlflow.pipeline.calibration_runs import inputs_of_samples
from lds_mlflow.pipeline.connection import subject_of
from lds_mlflow.pipeline.dry_run import dry_run
from lds_mlflow.pipeline.evaluation_runs import inputs_of_compare, inputs_of_register
from lds_mlflow.pipeline.promotion import promote, promote_if_new
from lds_mlflow.pipeline.records import Ending, log_data, log_parameters
from lds_mlflow.pipeline.rehearsal import rehearse, say_plan
from lds_mlflow.pipeline.runner import Gather, Runner
from lds_mlflow.pipeline.summary import log_summary, say_table, say_winner, show_comparison
from lds_mlflow.tracking import FinishedRun, Run, Tracker, tags

__all__ = ["Pipeline"]

_GATHER: dict[type[StepConfig], Gather] = {
    CompareConfig: inputs_of_compare,
    RegisterConfig: inputs_of_register,
    AblateConfig: inputs_of_ablate,
    EvaluateConfig: inputs_of_samples,
    SampleConfig: inputs_of_samples,
}


class Pipeline:
    """The steps of one command.

    Args:
        configs: The configuration of every step that the command may have to run, and the options.
        tracker: Where runs are kept.
        interruption: Knows whether the user wants to stop.
        say: Prints a line.
        ranks: The processes that compute as one; this process leads them.
    """

    def __init__(
        self,
        configs: Configs,
        tracker: Tracker,
        interruption: Interruption,
        say: Callable[[str], None],
        *,
        ranks: Ranks = ALONE,
    ) -> None:
        self.tracker = tracker
        self.runner = Runner(configs, tracker, interruption, say, _GATHER, ranks=ranks)
        self._subject = subject_of(configs)

    def _begin(self, step: str, about: str) -> Run:
        return self.tracker.begin(f"{step} {about}".strip(), parent=None, values={tags.STEP: step})

    def run(self, name: str) -> FinishedRun:
        """Runs one step as the command's own run; upstream steps that it needs become child runs.

        Raises:
            LdsError: Something is wrong that the user can correct.
            Interrupted: The user asked to stop.
        """
        self.tracker.end_orphans()
        run = self._begin(name, self._subject.data)
        registers = STEPS[name].registers and self.runner.configs[RegisterConfig].registered_model != NO_MODEL

        def rehearsed(runner: Runner) -> None:
            model = runner.resolve(name, {}, parent=run.id)
            if registers:
                _register(runner, model, run.id)

        with Ending(run):
            if STEPS[name].inputs:
                self._plan(rehearsed, run.id)
            found = self.runner.healing(lambda: self.runner.resolve(name, {}, parent=run.id, own=run))
        if name == COMPARE:
            say_table(self.runner, found)
        if name == EXPORT:
            self.runner.healing(lambda: _copy_programs(self.runner, found))
        if registers:
            self.runner.healing(lambda: _register(self.runner, found, run.id))
            self.runner.healing(lambda: promote_if_new(self.runner, run.id))
        return found

    def _plan(self, command: Callable[[Runner], object], parent: str) -> None:
        """Says what a command is going to run and how long that may take; its runner then says what is left of it."""
        plan = self.runner.healing(lambda: rehearse(self.runner, command, parent))
        say_plan(self.runner, plan)
        self.runner.lines.plan = plan

    def main(self) -> Run:
        """Runs the whole pipeline, registers, and compares the baseline, the control and the finetuned model.

        Raises:
            LdsError: Something is wrong that the user can correct.
            Interrupted: The user asked to stop.
        """
        self.tracker.end_orphans()
        run = self._begin(MAIN, self._subject.data)
        with Ending(run):
            configs = (self.runner.configs.get(step.config) for step in STEPS.values())
            log_parameters(run, *filter(None, configs), settled=ENTRY_POINTS[MAIN].settles)
            self._plan(lambda runner: _resolve_comparison(runner, run.id), run.id)
            compared = self.runner.healing(lambda: self._compare(run))
            run.end("FINISHED")
        say_table(self.runner, compared)
        say_winner(self.runner, compared)
        return run

    def _compare(self, run: Run) -> FinishedRun:
        log_data(run, {"data": self.runner.resolve("data", {}, parent=run.id)})
        compared = _resolve_comparison(self.runner, run.id)
        made = show_comparison(self.runner, run, compared)
        promote_if_new(self.runner, run.id)
        log_summary(self.runner, run, made)
        return compared

    def promote(self) -> Run:
        """Decides on a registered version.

        Raises:
            LdsError: Something is wrong that the user can correct.
            Interrupted: The user asked to stop.
        """
        self.tracker.end_orphans()
        run = self._begin(PROMOTE, self.runner.configs[PromoteConfig].registered_model)
        with Ending(run):
            self.runner.healing(lambda: promote(self.runner, run))
        return run

    def dry_run(self) -> Run:
        """Says what a training would cost, or what is found of the user's own model, and does nothing else.

        Raises:
            LdsError: Something is wrong that the user can correct.
            Interrupted: The user asked to stop.
        """
        self.tracker.end_orphans()
        run = self._begin("dry run", self._subject.data)
        with Ending(run):
            self.runner.healing(lambda: dry_run(self.runner, run))
        return run


def _copy_programs(runner: Runner, exported: FinishedRun) -> None:
    folder = Path(runner.configs[ExportFolder].folder)
    with exported.folder(FOLDER) as content:
        others = _others(folder, content) if folder.is_dir() else []
        if others:
            raise ConfigError(
                f"folder={folder}",
                found=f"a folder that has {quoted(others)}",
                expected="a folder for the exported model alone",
                remedy="Give another folder, or remove these files.",
            )
        shutil.copytree(content, folder, dirs_exist_ok=True)
    runner.say(f"{EXPORT:<11}{folder.resolve()}: give it as model= to any command")


def _others(folder: Path, content: Path) -> list[str]:
    """Returns the names of what a folder has that is not, of the same name, in what is to be copied there."""
    given = {path.name: digest_of_file(path) for path in content.iterdir()}
    return [
        path.name for path in folder.iterdir() if not path.is_file() or digest_of_file(path) != given.get(path.name)
    ]


def _register(runner: Runner, model: FinishedRun, parent: str) -> None:
    behind = {stem: runner.upstream(model, stem, parent=parent) for stem in model.inputs}
    runner.resolve(REGISTER, {**behind, model.step: model}, parent=parent)


def _resolve_comparison(runner: Runner, parent: str) -> FinishedRun:
    known = {"data": runner.resolve("data", {}, parent=parent)}
    return runner.resolve(COMPARE, known, parent=parent)
