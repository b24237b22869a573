"""The command `tune`: a study from its beginning to a registered model."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from optuna.study import Study

from lds_mlflow.choices.figures import COPIES
from lds_mlflow.config import Configs
from lds_mlflow.entry.fingerprint import digest_of_code, digest_of_step_code
from lds_mlflow.entry.graph import OPEN, STEPS, steps_behind
from lds_mlflow.entry.imports import Package
from lds_mlflow.errors import ConfigError
from lds_mlflow.machine.durations import in_words
from lds_mlflow.machine.files import digest_of_bytes
from lds_mlflow.pipeline.connection import subject_of
from lds_mlflow.pipeline.records import Ending, log_parameters
from lds_mlflow.pipeline.rehearsal import rehearse, say_plan
from lds_mlflow.pipeline.request import outside_of
from lds_mlflow.pipeline.runner import Runner
from lds_mlflow.pipeline.seed_runs import SeedRuns, shared_runs
from lds_mlflow.pipeline.workers import number_of_workers, share_tasks
from lds_mlflow.tracking import Run, tags
from tuning.bench import Bench
from tuning.config import TuneConfig
from tuning.confirm import confirm
from tuning.entry import TUNE
from tuning.lease import Lease
from tuning.report import importances, log_study
from tuning.retries import RUN
from tuning.space import Space, read_space
from tuning.storage import answering
from tuning.study import READY, budget_of, finished, open_study, wait_for
from tuning.work import Worker

__all__ = ["Search"]

_WAIT_SECONDS = 5.0
_LABEL = TUNE.name
_STEPS = [STEPS[name] for name in steps_behind("evaluate")]
"""What a trial's figures depend on."""

_TRAINED = [step for step in _STEPS if step.name not in ("data", OPEN)]
"""Those of them that may read files of weights. Machines have the same data at different places."""


class Search:
    """A search: its trials, the confirmation of the leading ones, and the registered model.

    Args:
        runner: Finds or makes runs, and holds the configurations.
    """

    def __init__(self, runner: Runner) -> None:
        self.runner, self.tracker, self.say = runner, runner.tracker, runner.say
        self.config = runner.configs[TuneConfig]
        # Errors in the search space are reported before a run begins.
        _require_not_given(read_space(self.config.space, self.config.ranges), runner.configs)

    def run(self) -> str:
        """Works until the study has all of its trials; the leading command then confirms. Returns the id of the run.

        Raises:
            LdsError: Something is wrong that the user can correct.
            Interrupted: The user asked to stop.
        """
        self.tracker.end_orphans()
        own = self.tracker.begin(
            " ".join(filter(None, (_LABEL, subject_of(self.runner.configs).data, self.config.study))),
            parent=None,
            values={tags.STEP: _LABEL, tags.STUDY: self.config.study},
        )
        with Ending(own), answering(self.config.storage):
            study = self._open(own)
            run_id, lease = str(study.user_attrs[RUN]), Lease(study, self.config.storage, own.id, self.say)
            if run_id != own.id:
                own.log_note(f"This command is a worker of the study {self.config.study}, run {run_id}.")
            leads, helped = lease.take(), False
            while not leads and not helped:
                helped = self._help(study)
                leads = lease.take()
            if leads:
                lead = own if run_id == own.id else self.tracker.reopen(run_id)
                with lease.kept(), Ending(lead), answering(self.config.storage):
                    self._lead(study, lead)
            if run_id != own.id:
                own.end("FINISHED")
        return run_id

    def _lead(self, study: Study, lead: Run) -> None:
        log_parameters(lead, self.config)
        data = self._data(lead.id)
        _require_same_data(study, study.user_attrs.get(READY, data), data)
        self._say_plan(study, lead.id)
        # What all trials of a seed begin with comes first: two workers would else wait for one another.
        self._share(partial(_make_basis, lead.id), list(range(self.config.seeds)))
        study.set_user_attr(READY, data)
        self._work(study)
        # Workers of this machine that were killed on the way have left runs of theirs.
        self.tracker.end_orphans()
        log_study(study, lead, self.config)
        confirmed = self.runner.healing(lambda: confirm(study, self.config, self.runner, lead))
        lines = [*confirmed, _what_mattered(study)]
        for line in lines:
            self.say(line)
        with lead.together():
            lead.log_tags({tags.SENTENCE: lines[0]})
            lead.log_note("**tune**: " + "\n\n".join(lines))
            lead.end("FINISHED")

    def _say_plan(self, study: Study, parent: str) -> None:
        def baselines(runner: Runner) -> None:
            for seed in range(self.config.seeds):
                SeedRuns(runner, shared_runs(runner, {}, parent), seed, parent).baseline()

        plan = self.runner.healing(lambda: rehearse(self.runner, baselines, parent))
        say_plan(self.runner, plan, *_trials_in_words(study, self.config, plan.seconds.get("finetune")))

    def _help(self, study: Study) -> bool:
        """Works for the leading command, on the same baselines, if these exist. Returns whether they do."""
        self.say(f"{_LABEL:<11}waiting for the baselines of run {study.user_attrs[RUN]}")
        digest = wait_for(study, READY, _WAIT_SECONDS)
        if digest is None:
            return False
        _require_same_data(study, digest, self._data(study.user_attrs[RUN]))
        self._work(study)
        self.say(
            f"{_LABEL:<11}all trials are taken; the command that leads run {study.user_attrs[RUN]} confirms the best"
        )
        return True

    def _data(self, parent: str) -> str:
        return self.runner.resolve("data", {}, parent=parent).digest

    def _work(self, study: Study) -> None:
        self.say(f"{_LABEL:<11}{len(finished(study))} of {budget_of(study)} trials are finished")
        numbers = list(range(number_of_workers(self.config.workers, self.runner.device)))
        self._share(partial(_work_on, self.config, study.user_attrs[RUN]), numbers)

    def _share(self, work: Callable[[Runner, int], dict[str, str]], tasks: list[int]) -> None:
        for _ in share_tasks(self.runner, work, tasks, number_of_workers(self.config.workers, self.runner.device)):
            pass

    def _open(self, own: Run) -> Study:
        return _open(self.config, self.runner, lambda: own.id)


def _require_same_data(study: Study, before: str, now: str) -> None:
    """Raises ConfigError if the data isn't what the study was begun with, given by the digests of both."""
    if before != now:
        raise ConfigError(
            "data",
            found=f"other examples than those of the study {study.study_name}",
            expected="the same examples for all trials, on every machine",
            remedy="Give the same data, and set MLFLOW_TRACKING_URI to the same tracking store; or give another name "
            "as study, to begin one on this data.",
        )


def _trials_in_words(study: Study, config: TuneConfig, finetuning: float | None) -> list[str]:
    """Returns lines on the trials that a study still needs.

    Args:
        study: The study.
        config: The configuration of the search.
        finetuning: Seconds of one finetuning, or None where they aren't known.
    """
    left = budget_of(study) - len(finished(study))
    if left <= 0:
        return []
    time = "" if finetuning is None else f", {in_words(finetuning)} or more each"
    return [
        f"{left:>3} x trial of up to {config.seeds} seeds: A, finetuning and samples{time}",
        f"    then {config.finalists} leading trials and the control on {config.fresh_seeds} fresh seeds",
    ]


def _require_not_given(space: Space, configs: Configs) -> None:
    """Raises ConfigError if a searched parameter was also given, since the given value would be ignored."""
    searched = [one.name for one in space.parameters]
    given = {
        name: value
        for config in configs.all
        for name, value in config
        if name in searched and value != type(config).model_fields[name].default
    }
    if given:
        raise ConfigError(
            ", ".join(given),
            found=", ".join(f"{name}={value}" for name, value in given.items()),
            expected=f"no value for a parameter that the space {space.name} searches",
            remedy=f"Give ranges={','.join(f'{name}={value}' for name, value in given.items())} to fix the value.",
        )


def _what_mattered(study: Study) -> str:
    shares = [f"{name} {share:.0%}" for name, share in importances(study).items()]
    return (
        f"Shares of the figure's variance by parameter: {', '.join(shares)}."
        if shares
        else "There are too few trials to say which parameters matter."
    )


def _open(config: TuneConfig, runner: Runner, begin_run: Callable[[], str], worker: int = 0) -> Study:
    space = read_space(config.space, config.ranges)
    settings = {
        f"{step.name} settings": digest_of_bytes(runner.configs[step.config].model_dump_json().encode())
        for step in _STEPS
    }
    same = {
        "code": _digest_of_code(),
        **settings,
        **{f"{step.name} files": outside_of(step, runner.configs[step.config]) for step in _TRAINED},
        "seeds": str(config.seeds),
    }
    return open_study(config, space, same, begin_run, runner.tracker.kill, worker=worker)


def _digest_of_code() -> str:
    """Returns the digest of the code that a trial's figures depend on: that of the steps, and of the bench."""
    own = digest_of_code(Package.read(Path(__file__).parent), [Bench.__module__])
    return digest_of_bytes(digest_of_step_code(*_STEPS).encode(), own.encode())


def _make_basis(parent: str, runner: Runner, seed: int) -> dict[str, str]:
    Bench(runner, parent, ()).basis(seed)
    return {}


def _work_on(config: TuneConfig, parent: str, runner: Runner, number: int) -> dict[str, str]:
    study = _open(config, runner, lambda: parent, number)
    space = read_space(config.space, config.ranges)
    shown = runner.tracker.beside(parent)
    worker = Worker(
        study,
        space=space,
        config=config,
        bench=Bench(runner, parent, (*config.wanted, *COPIES)),
        tracker=runner.tracker,
        say=runner.say,
        # One of them is enough.
        refresh=partial(_show, study, shown, config) if number == 0 else lambda: None,
    )
    # The cause of an error doesn't leave a process.
    with answering(config.storage):
        worker.work()
    return {}


def _show(study: Study, run: Run, config: TuneConfig) -> None:
    try:
        log_study(study, run, config)
    except Exception as error:
        run.log_tags({tags.ERROR: f"the charts could not be drawn: {error}"[:5000]})
