"""A worker of a study: it tries out parameters until the study has all of its trials."""

from collections.abc import Callable, Mapping
from time import monotonic, sleep

from optuna.exceptions import TrialPruned
from optuna.samplers import RandomSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from lds_mlflow.choices.figures import COPIES, FIGURES
from lds_mlflow.domains import domain_of
from lds_mlflow.errors import ConfigError, DataError, Interrupted, LdsError, SelectionError, TrainingError
from lds_mlflow.metrics.judgement.copies import beyond_limits, means_with_copies
from lds_mlflow.tracking import Run, Tracker, tags
from tuning.bench import PARTS, Costs, Figures, SeedOutcome, TrialBench
from tuning.config import TuneConfig
from tuning.retries import MOST_TRIES, RUN, StaleTrials, tries_of, try_again
from tuning.space import Space, Value
from tuning.study import BEYOND, budget_of, can_be_pruned, finished, within

__all__ = ["Worker"]

_POLL_SECONDS, _REFRESH_SECONDS = 1.0, 60.0
_SHOWN = 64
_ALIVE = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING, TrialState.WAITING)


class _NotNeededError(Exception):
    """The study has enough trials without this one."""


class _FailedError(Exception):
    """A trial failed for another reason than its parameters; it is tried again."""


class Worker:
    """Tries out the parameters that a study suggests.

    Args:
        study: The study.
        space: The search space.
        config: The configuration of the search.
        bench: Tries out parameters.
        tracker: Tracks every trial as a run, a child of the study's run.
        say: Prints a line.
        refresh: Updates the charts of the study; called at most once a minute.
    """

    def __init__(
        self,
        study: Study,
        *,
        space: Space,
        config: TuneConfig,
        bench: TrialBench,
        tracker: Tracker,
        say: Callable[[str], None],
        refresh: Callable[[], None] = lambda: None,
    ) -> None:
        self.study, self.space, self.config = study, space, config
        self.bench, self.tracker, self.say = bench, tracker, say
        self._refresh, self._refreshed, self._last = refresh, monotonic(), ""
        self._lost: tuple[int, bool] | None = None
        self._sampler, self._repeating = study.sampler, 0

    def work(self) -> None:
        """Tries out parameters until the study has all of its trials, counting those of all workers.

        Raises:
            LdsError: Something is wrong that the user can correct.
            Interrupted: The user asked to stop; the current trial is tried again when the study is continued.
        """
        stale = StaleTrials(self.study)
        while len(finished(self.study)) < budget_of(self.study):
            alive = self.study.get_trials(deepcopy=False, states=_ALIVE)
            is_waiting = any(trial.state == TrialState.WAITING for trial in alive)
            if len(alive) >= budget_of(self.study) and not is_waiting:
                # Other workers are running the last trials. If one of them dies, its trial is tried again.
                stale.fail()
                sleep(_POLL_SECONDS)
                continue
            self._try_one()
            self.say(
                f"{'tune':<11}{len(finished(self.study))} of {budget_of(self.study)} trials: {self._last}{self._best()}"
            )
            if monotonic() - self._refreshed > _REFRESH_SECONDS:
                self._refresh()
                self._refreshed = monotonic()

    def _try_one(self) -> None:
        self._lost = None
        self.study.sampler = self._sampler
        if self._repeating:
            # A sampler that returns to the same point would spend the budget on it, so the next point is random.
            self.study.sampler = within(self.space, RandomSampler(seed=self.config.tune_seed + self._repeating))
        try:
            self.study.optimize(self._objective, n_trials=1, catch=(_NotNeededError, _FailedError))
        except KeyboardInterrupt as error:
            raise error.__cause__ or error from None
        except ValueError as error:
            # Its heartbeat was missing for so long that other workers have taken the trial over.
            if "Cannot tell" not in str(error):
                raise
        finally:
            if self._lost is not None:
                number, counted = self._lost
                trial = self._trial(number)
                # One that goes on as running, since its end couldn't be stored, is found by its missing heartbeat.
                if trial.state == TrialState.FAIL:
                    try_again(self.study, trial, counted=counted)

    def _trial(self, number: int) -> FrozenTrial:
        return next(one for one in self.study.get_trials(deepcopy=False) if one.number == number)

    def _objective(self, trial: Trial) -> tuple[float, ...]:
        self._require_needed(trial)
        # Whatever stops this trial from here on, be it the tracking store, the same parameters are tried again.
        self._lost = trial.number, True
        values = self.space.suggest(trial)
        run = self.tracker.begin(
            f"trial {trial.number}", parent=self.study.user_attrs[RUN], values={tags.STUDY: self.study.study_name}
        )
        trial.set_user_attr(RUN, run.id)
        with run.together():
            run.log_params(values)
            run.log_tags({tags.PART: "select"})
        try:
            found = self._answer(trial, values, run)
        except TrialPruned as error:
            self._end(run, trial, "KILLED", "pruned", str(error))
            self._lost = None
            raise
        except Interrupted as error:
            self._lost = trial.number, False
            self._end(run, trial, "KILLED", "stopped", "It is tried again when the study is continued.")
            raise KeyboardInterrupt from error
        except Exception as error:
            own = self._trial(trial.number)
            if own.state != TrialState.RUNNING:
                self._lost = None
                self._end(
                    run, trial, "KILLED", "taken over", "It showed no sign of life, so other workers try it again."
                )
                raise _FailedError from error
            self._end(run, trial, "FAILED", "failed", f"{type(error).__name__}: {error}")
            if isinstance(error, LdsError) or tries_of(own) >= MOST_TRIES:
                raise
            raise _FailedError from error
        self._end(run, trial, "FINISHED", "complete", self._sentence(found))
        self._lost = None
        return found

    def _require_needed(self, trial: Trial) -> None:
        """Raises if there are enough trials: the storage numbers them, so two workers can't both take the last one."""
        before = [one for one in self.study.get_trials(deepcopy=False, states=_ALIVE) if one.number < trial.number]
        if len(before) >= budget_of(self.study):
            raise _NotNeededError

    def _answer(self, trial: Trial, values: Mapping[str, Value], run: Run) -> tuple[float, ...]:
        twin = self._twin(trial)
        self._repeating = 0 if twin is None else trial.number
        if twin is None:
            return self._try(trial, values, run)
        run.log_tags({tags.SAME_AS: f"trial {twin.number}"})
        for step, value in twin.intermediate_values.items():
            trial.report(value, step)
        if twin.state == TrialState.PRUNED:
            raise TrialPruned(f"Trial {twin.number} with the same parameters was pruned.")
        _set_constraints(trial, twin.user_attrs[BEYOND])
        return tuple(twin.values)

    def _twin(self, trial: Trial) -> FrozenTrial | None:
        return next((one for one in finished(self.study) if one.params == trial.params), None)

    def _try(self, trial: Trial, values: Mapping[str, Value], run: Run) -> tuple[float, ...]:
        costs, started, found = Costs(), monotonic(), list[SeedOutcome]()
        try:
            for seed in range(self.config.seeds):
                found.append(self._try_seed(trial, values, seed, costs))
                self._log_seed(run, seed, found[-1])
                self._prune(trial, PARTS * (seed + 1), found[-1].figures)
        except (SelectionError, TrainingError) as error:
            raise TrialPruned(str(error)) from error
        except (ConfigError, DataError) as error:
            # Other trials have succeeded, so these parameters are the cause, and not what the user has given.
            if self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
                raise TrialPruned(str(error)) from error
            raise
        finally:
            costs.whole = monotonic() - started
            run.curve(
                0,
                {
                    "seconds": costs.whole,
                    "finetuning_seconds": costs.finetuning,
                    "sampling_seconds": costs.sampling,
                },
            )
        means = means_with_copies([tried.figures for tried in found], self.config.wanted)
        run.curve(0, means)
        run.log_picture(domain_of(found[-1].weights.domain).grid(found[-1].samples_S[:_SHOWN]), "pictures/samples.png")
        _set_constraints(trial, beyond_limits(means, len(found[-1].samples_S)))
        return tuple(means[name] for name in self.config.wanted)

    def _try_seed(self, trial: Trial, values: Mapping[str, Value], seed: int, costs: Costs) -> SeedOutcome:
        def on_the_way(part: int, figures: Figures) -> None:
            if self.config.wanted[0] in figures:
                self._prune(trial, PARTS * seed + part, figures)

        tried = self.bench.try_out(values, seed, costs, on_the_way if can_be_pruned(self.config) else None)
        if missing := [name for name in self.config.wanted if name not in tried.figures]:
            raise ConfigError(
                "objectives",
                found=f"{', '.join(missing)}, which can't be measured on these images",
                expected="figures that can be measured",
                remedy="Give other figures; the report of an evaluation says what each figure needs.",
            )
        return tried

    def _prune(self, trial: Trial, part: int, figures: Figures) -> None:
        """Reports a part of a seed, and prunes a trial that will probably lose; with several objectives none is."""
        if len(self.config.wanted) > 1:
            return
        trial.report(figures[self.config.wanted[0]], part)
        if part < PARTS * self.config.seeds and trial.should_prune():
            seeds = f"{part / PARTS:.2g} of {self.config.seeds} seeds"
            raise TrialPruned(f"It will probably not win, judging by {seeds}.")

    def _log_seed(self, run: Run, seed: int, tried: SeedOutcome) -> None:
        figures = {f"seed/{name}": tried.figures[name] for name in (*self.config.wanted, *COPIES)}
        run.curve(seed, {**figures, "seed/images_of_A": tried.n_augmented})

    def _end(self, run: Run, trial: Trial, status: str, state: str, sentence: str) -> None:
        with run.together():
            run.log_tags({tags.STATE: state, tags.SENTENCE: sentence[:5000]})
            run.log_note(f"**{state}**: {sentence}"[:5000])
            run.end(status)
        self._last = f"trial {trial.number} {state}: {sentence.splitlines()[0]}"

    def _sentence(self, found: tuple[float, ...]) -> str:
        named = zip(self.config.wanted, found, strict=True)
        return ", ".join(f"{FIGURES[name].title} {value:.4g}" for name, value in named)

    def _best(self) -> str:
        if len(self.config.wanted) > 1:
            return ""
        try:
            best = self.study.best_trial
        except ValueError:
            return ""
        return f"; the best so far is trial {best.number} with {best.value:.4g}"


def _set_constraints(trial: Trial, beyond: Mapping[str, float]) -> None:
    """Marks a trial as infeasible if one of the figures of COPIES is beyond its limit."""
    trial.set_user_attr(BEYOND, dict(beyond))
    for name, excess in beyond.items():
        trial.set_constraint(name, excess)
