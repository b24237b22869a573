"""The command `tune`: a study from its beginning to a registered model."""

from collections.abc import Callable
from functools import partial

from optuna.study import Study

from lds_mlflow.config import parse
from lds_mlflow.errors import ConfigError
from lds_mlflow.files import digest_of_bytes
from lds_mlflow.fingerprint import code_digest
from lds_mlflow.graph import STEPS
from lds_mlflow.pipeline.runner import Ending, Runner
from lds_mlflow.pipeline.workers import number_of_workers, share_tasks
from lds_mlflow.tracking import Run, tags
from tuning.bench import Bench
from tuning.config import TuneConfig
from tuning.confirm import confirm
from tuning.entry import TUNE
from tuning.report import importances, log_study
from tuning.retries import RUN
from tuning.space import read_space
from tuning.study import READY, budget_of, finished, open_study, wait_for
from tuning.work import Worker

__all__ = ["Search"]

_POLL_SECONDS = 5.0
_CODE = ("augment", "finetune", "evaluate")


class Search:
    """A study: its trials, what is confirmed of them, and the model that is registered.

    Args:
        runner: What finds or makes runs, with the configurations.
    """

    def __init__(self, runner: Runner) -> None:
        self.runner, self.tracker, self.say = runner, runner.tracker, runner.say
        self.config = parse(TuneConfig, runner.configs[TuneConfig].model_dump())
        # Wrong ranges are told before there is a run.
        read_space(self.config.space, self.config.ranges)

    def run(self) -> str:
        """Works until the study has its trials; whoever began it, or goes on with it, confirms. Returns the run's id.

        Raises:
            LdsError: Something that the user can mend is wrong.
            Interrupted: The user asked to stop.
        """
        self.tracker.end_orphans()
        own = self.tracker.begin(
            f"{TUNE} {self.config.study}", parent=None, values={tags.STEP: TUNE, tags.STUDY: self.config.study}
        )
        with Ending(own):
            study = self._open(own)
            lead = own if study.user_attrs[RUN] == own.id else self.tracker.reopen(study.user_attrs[RUN])
            if lead is not own:
                own.log_note(f"A worker of the study {self.config.study}, run {study.user_attrs[RUN]}.")
            if lead is None:
                self._help(study)
            else:
                with Ending(lead):
                    self._lead(study, lead)
            if lead is not own:
                own.end("FINISHED")
        return str(study.user_attrs[RUN])

    def _lead(self, study: Study, lead: Run) -> None:
        lead.log_params(self.config.model_dump(mode="json"))
        # What all trials of a seed begin with comes first: two workers would else wait for one another.
        self._share(partial(_make_basis, lead.id), list(range(self.config.seeds)))
        study.set_user_attr(READY, self._data(lead.id))
        self._work(study)
        log_study(study, lead, self.config)
        lines = [*confirm(study, self.config, self.runner, lead), _what_mattered(study)]
        for line in lines:
            self.say(line)
        lead.log_tags({tags.SENTENCE: lines[0]})
        lead.log_note("**tune**: " + "\n\n".join(lines))
        lead.end("FINISHED")

    def _help(self, study: Study) -> None:
        """Works for a command that confirms in the end, on the same baselines."""
        self.say(f"{TUNE:<11}waiting for the baselines of run {study.user_attrs[RUN]}")
        while (digest := wait_for(study, READY, _POLL_SECONDS)) is None:
            if self.tracker.has_ended(study.user_attrs[RUN]):
                return
        if digest != self._data(study.user_attrs[RUN]):
            raise ConfigError(
                "data",
                found=f"other images than those of the study {study.study_name}",
                expected="the same on every machine",
                remedy="Bring the same images, and the same tracking store by MLFLOW_TRACKING_URI.",
            )
        self._work(study)
        self.say(f"{TUNE:<11}nothing is left to try; the command of run {study.user_attrs[RUN]} confirms what leads")

    def _data(self, parent: str) -> str:
        return self.runner.resolve("data", {}, parent=parent).digest

    def _work(self, study: Study) -> None:
        self.say(f"{TUNE:<11}{len(finished(study))} of {budget_of(study)} trials are there")
        numbers = list(range(number_of_workers(self.config.workers, self.runner.device)))
        self._share(partial(_work_on, self.config, study.user_attrs[RUN]), numbers)

    def _share(self, work: Callable[[Runner, int], dict[str, str]], tasks: list[int]) -> None:
        for _ in share_tasks(self.runner, work, tasks, number_of_workers(self.config.workers, self.runner.device)):
            pass

    def _open(self, own: Run) -> Study:
        return _open(self.config, self.runner, lambda: own.id)


def _what_mattered(study: Study) -> str:
    shares = [f"{name} {share:.0%}" for name, share in importances(study).items()]
    return (
        f"What the figure varied with: {', '.join(shares)}." if shares else "Too little was tried to say what matters."
    )


def _open(config: TuneConfig, runner: Runner, begin_run: Callable[[], str], worker: int = 0) -> Study:
    space = read_space(config.space, config.ranges)
    settings = {
        f"{name} settings": digest_of_bytes(runner.config(STEPS[name], {}).model_dump_json().encode())
        for name in ("data", "train", "augment", "finetune", "classifier", "evaluate")
    }
    same = {
        "code": code_digest(tuple(place for name in _CODE for place in (f"steps/{name}.py", *STEPS[name].code))),
        **settings,
        "seeds": str(config.seeds),
    }
    return open_study(config, space, same, begin_run, runner.tracker.kill, worker=worker)


def _make_basis(parent: str, runner: Runner, seed: int) -> dict[str, str]:
    Bench(runner, parent).basis(seed)
    return {}


def _work_on(config: TuneConfig, parent: str, runner: Runner, number: int) -> dict[str, str]:
    study = _open(config, runner, lambda: parent, number)
    space = read_space(config.space, config.ranges)
    shown = runner.tracker.beside(parent)
    Worker(
        study,
        space=space,
        config=config,
        bench=Bench(runner, parent),
        tracker=runner.tracker,
        say=runner.say,
        # One of them is enough.
        refresh=partial(_show, study, shown, config) if number == 0 else lambda: None,
    ).work()
    return {}


def _show(study: Study, run: Run, config: TuneConfig) -> None:
    try:
        log_study(study, run, config)
    except Exception as error:
        run.log_tags({tags.ERROR: f"the charts could not be drawn: {error}"[:5000]})
