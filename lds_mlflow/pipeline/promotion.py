"""The command `promote`: which version of a registered model people are to depend on.

One version at a time is the champion. A candidate is compared with it by the part select, and takes its place only
through the gate (`metrics/gate.py`); the decision, with its figures, is written on the version either way.

A promotion is noted on the version before the alias is set, as pending, and confirmed after it; so is a rollback. A
command that was stopped in between leaves the note, and the next one completes what it says.
"""

import json
from contextlib import AbstractContextManager
from time import sleep

from lds_mlflow.choices.figures import MARGIN
from lds_mlflow.config import AUTO, NO_MODEL, PromoteConfig, SamplerSettings
from lds_mlflow.entry.points import PROMOTE
from lds_mlflow.errors import TrackingError
from lds_mlflow.machine.locks import locked
from lds_mlflow.metrics import Decision, Limit, Limits, decide
from lds_mlflow.pipeline.calibration_runs import can_be_judged
from lds_mlflow.pipeline.evaluation_runs import evaluate_model
from lds_mlflow.pipeline.records import Ending, log_parameters
from lds_mlflow.pipeline.request import Runs
from lds_mlflow.pipeline.runner import Runner
from lds_mlflow.reporting.comparison import comparison_report, comparison_table
from lds_mlflow.tracking import CHAMPION, NONE, FinishedRun, Run, Version, tags
from lds_mlflow.values import Evaluation, LatentDistribution

__all__ = ["promote", "promote_if_new"]

_SETTLE_SECONDS = 2.0
_SECTION = "Promotion"
_REFUSAL, _PROMOTION, _ROLLBACK = "refusal", "promotion", "rollback to version "
"""What is pending with a version: a note on why it stays a challenger, its promotion, or the champion before it."""


def promote_if_new(runner: Runner, parent: str) -> None:
    """Promotes the newest version, unless that has been decided already against the champion that there is."""
    config = _config_of(runner)
    registry, name = runner.tracker.registry, config.registered_model
    if name == NO_MODEL:
        return
    with _one_at_a_time(runner, config):
        _complete(runner, name)
    candidate, champion = registry.get(name, config.candidate), registry.find(name, CHAMPION)
    if champion is not None and champion.number == candidate.number:
        runner.say(f"{PROMOTE:<11}version {candidate.number} of {name} is the champion already")
    elif _is_judged(candidate, champion):
        runner.say(f"{PROMOTE:<11}version {candidate.number} of {name}: {candidate.tags[tags.DECISION]}")
    else:
        run = runner.tracker.begin(f"{PROMOTE} {name}", parent=parent, values={tags.STEP: PROMOTE})
        with Ending(run):
            promote(runner, run)


def _is_judged(candidate: Version, champion: Version | None) -> bool:
    against = champion.number if champion else NONE
    return candidate.tags.get(tags.JUDGED_AGAINST) == against and candidate.tags.get(tags.PENDING, NONE) == NONE


def promote(runner: Runner, run: Run) -> None:
    """Decides on a candidate, or restores the champion before this one, and ends the run.

    Args:
        runner: What finds or makes the evaluations.
        run: The run of the command.

    Raises:
        TrackingError: There is no such version, none to restore, or more than one model and no name.
    """
    config = _config_of(runner)
    with _one_at_a_time(runner, config):
        log_parameters(run, config)
        completed = _complete(runner, config.registered_model)
        sentence = _roll_back(runner, config, completed) if config.rollback else _decide(runner, config, run, completed)
        runner.say(f"{PROMOTE:<11}{sentence}")
        with run.together():
            run.log_tags({tags.SENTENCE: sentence})
            run.log_note(f"**{PROMOTE}**: {sentence}.")
            run.end("FINISHED")


def _config_of(runner: Runner) -> PromoteConfig:
    """Returns how to promote; in place of auto stands the name that the command has registered, or the only name."""
    config = runner.configs[PromoteConfig]
    if config.registered_model != AUTO:
        return config
    name = runner.registered.rpartition("/")[0] or runner.tracker.registry.only()
    return config.model_copy(update={"registered_model": name})


def _one_at_a_time(runner: Runner, config: PromoteConfig) -> AbstractContextManager[None]:
    waiting = "waiting for another process, which is deciding on a version of this model"
    path = runner.options.work_dir / "locks" / f"promote-{config.registered_model}"
    return locked(path, lambda: runner.say(f"{PROMOTE:<11}{waiting}"))


def _complete(runner: Runner, name: str) -> Version | None:
    """Completes what a command that was stopped has begun and the alias shows as done.

    Returns:
        The version whose promotion or rollback it has completed, or None where there was none.
    """
    registry, completed = runner.tracker.registry, None
    for version in registry.pending(name):
        champion = registry.find(name, CHAMPION)
        pending = version.tags[tags.PENDING]
        if champion is not None and champion.number == _next_champion(version):
            if pending != _PROMOTION:
                _note_rollback(runner, version, champion)
            registry.note(version, {tags.PENDING: NONE})
            completed = registry.get(name, version.number)
            runner.say(f"{PROMOTE:<11}completed the {pending} of version {version.number}, which had been interrupted")
    return completed


def _next_champion(version: Version) -> str:
    """Returns the number of the version that is the champion once what is pending with a version is done."""
    pending = version.tags[tags.PENDING]
    return version.number if pending == _PROMOTION else pending.removeprefix(_ROLLBACK)


def _decide(runner: Runner, config: PromoteConfig, run: Run, completed: Version | None) -> str:
    registry, name = runner.tracker.registry, config.registered_model
    candidate = registry.get(name, config.candidate)
    runner.registered = f"{name}/{candidate.number}"
    while True:
        champion = registry.find(name, CHAMPION)
        if champion is not None and champion.number == candidate.number:
            if completed is not None and completed.number == candidate.number:
                return f"version {candidate.number} of {name} {completed.tags[tags.DECISION]}"
            registry.note(candidate, {tags.PENDING: NONE})
            return f"version {candidate.number} of {name} is the champion already"
        decision, evaluated = _judge(runner, config, candidate, champion, run)
        sentence = _note(runner, run, candidate, champion, decision=decision, evaluated=evaluated)
        if not decision.promotes or _crown(runner, candidate, champion):
            registry.note(candidate, {tags.PENDING: NONE})
            holds = {f"{limit.name}_holds": float(limit.holds) for limit in decision.limits}
            run.log_figures({"promoted": float(decision.promotes), **holds}, listed=())
            return sentence
        runner.say(f"{PROMOTE:<11}another version has become the champion in the meantime, so the decision is repeated")


def _judge(
    runner: Runner, config: PromoteConfig, candidate: Version, champion: Version | None, run: Run
) -> tuple[Decision, dict[str, FinishedRun]]:
    registered = _registering(runner, candidate)
    data = runner.upstream(registered, "data", parent=run.id)
    if not can_be_judged(runner, data):
        says = "not judged: the examples have no classes, so another extractor than the classifier is needed (features)"
        return Decision((Limit("features", False, says),), ()), {}
    if champion is not None:
        other = runner.upstream(_registering(runner, champion), "data", parent=run.id)
        if other.digest != data.digest:
            says = f"not comparable: version {champion.number} was made from other examples"
            return Decision((Limit("data", False, says),), ()), {}
    classifier = _classifier_of(runner, registered, run.id)
    versions = {"champion": champion, "candidate": candidate}
    runs = {
        label: _evaluate(runner, label, version, classifier, run.id)
        for label, version in versions.items()
        if version is not None
    }
    evaluations = {label: found.load(Evaluation, "evaluation_select") for label, found in runs.items()}
    limits = Limits(
        coverage_loss=config.coverage_loss,
        share_gap_gain=config.share_gap_gain,
        least_nearest_ratio=_unless_auto(config.least_nearest_ratio),
        most_tail_share=_unless_auto(config.most_tail_share),
    )
    decision = decide(
        evaluations["candidate"],
        evaluations.get("champion"),
        figure=config.promote_by,
        limits=limits,
        replicates=config.bootstrap_replicates,
    )
    alarms = () if config.accept_alarms else _alarms(runner, registered, classifier, run.id)
    decision = decision._replace(limits=(*alarms, *decision.limits))
    if decision.comparisons:
        run.log_table(comparison_table(decision.comparisons), "comparison.csv")
        run.log_report(comparison_report(evaluations, decision.comparisons, MARGIN))
    return decision, runs


def _unless_auto(limit: float | str) -> float | None:
    return None if isinstance(limit, str) else limit


def _evaluate(runner: Runner, label: str, version: Version, classifier: Runs, parent: str) -> FinishedRun:
    registered = _registering(runner, version)
    distribution = registered.load(LatentDistribution, "distribution")
    # A version may be older than a parameter.
    settings = {name: registered.params[name] for name in SamplerSettings.model_fields if name in registered.params}
    model = runner.upstream(registered, "model", parent=parent)
    calibrated = [name for name in registered.inputs if name == "calibrate"]
    known = {**classifier, **{name: runner.upstream(registered, name, parent=parent) for name in calibrated}}
    return evaluate_model(
        runner,
        f"{label}, version {version.number}, select",
        model,
        known,
        parent,
        part="select",
        samples=0,
        sampler=distribution.sampler,
        **settings,
    )


def _alarms(runner: Runner, registered: FinishedRun, classifier: Runs, parent: str) -> tuple[Limit, ...]:
    """Returns the alarms of all that a version was made from, and of what it is judged by, as conditions that fail."""
    behind = [runner.upstream(registered, stem, parent=parent) for stem in registered.inputs]
    found = dict.fromkeys(text for run in (*behind, registered, *classifier.values()) for text in run.alarms)
    return tuple(Limit("alarms", False, f"{text} (accept_alarms=true promotes in spite of it)") for text in found)


def _registering(runner: Runner, version: Version) -> FinishedRun:
    """Returns the run that registered a version."""
    try:
        return runner.tracker.open(version.run_id)
    except TrackingError as error:
        raise TrackingError(
            f"run {version.run_id}, which registered version {version.number} of {version.name}",
            found=error.found,
            expected="a finished run, by which this version can be judged",
            remedy="Restore the run, register the model again, or set the alias champion in the MLflow UI.",
        ) from error


def _classifier_of(runner: Runner, registered: FinishedRun, parent: str) -> dict[str, FinishedRun]:
    """Returns the classifier that the candidate's sampler was chosen by, for both to be measured by one."""
    chosen = registered.load(LatentDistribution, "distribution").sampler
    if chosen not in registered.inputs:
        return {}
    evaluated = runner.upstream(registered, chosen, parent=parent)
    found = [name for name in evaluated.inputs if name == "classifier"]
    return {name: runner.upstream(evaluated, name, parent=parent) for name in found}


def _crown(runner: Runner, candidate: Version, champion: Version | None) -> bool:
    """Makes a version the champion if the one that it was compared with still is; returns whether it is now."""
    registry = runner.tracker.registry
    now = registry.find(candidate.name, CHAMPION)
    if (now and now.number) != (champion and champion.number):
        return False
    registry.set_alias(candidate, CHAMPION)
    if runner.tracker.tracking_uri.startswith("http"):
        # Another machine may have done so at the same moment; an alias has one version, the last that was set.
        sleep(_SETTLE_SECONDS)
    return registry.get(candidate.name, CHAMPION).number == candidate.number


def _note(
    runner: Runner,
    run: Run,
    candidate: Version,
    champion: Version | None,
    *,
    decision: Decision,
    evaluated: Runs,
) -> str:
    """Writes a decision on a version; one that promotes is pending until the alias is set. Returns it as a sentence."""
    registry, before = runner.tracker.registry, champion.number if champion else NONE
    if decision.promotes:
        place = f"in place of version {before}" if champion else "as the first champion"
        verdict = f"became the champion {place}: {decision.sentence}"
    else:
        verdict = f"stays a challenger: {decision.sentence}"
    figures = {
        row.name: [row.value, row.reference_value, row.difference, row.low, row.high] for row in decision.comparisons
    }
    if decision.promotes:
        registry.note(candidate, {tags.PENDING: _PROMOTION, tags.REPLACED: before})
    else:
        registry.note(candidate, {tags.PENDING: _REFUSAL})
        registry.remove_tag(candidate, tags.REPLACED)
    notes = {tags.DECISION: verdict, tags.JUDGED_AGAINST: before, tags.PROMOTE_RUN: run.id}
    notes |= {tags.FIGURES: json.dumps({name: [float(f"{x:.4g}") for x in row] for name, row in figures.items()})}
    which = {"candidate": tags.CANDIDATE_RUN, "champion": tags.CHAMPION_RUN}
    notes |= {which[label]: found.id for label, found in evaluated.items()}
    registry.note(candidate, notes, description=candidate.with_section(_SECTION, f"This version {verdict}."))
    return f"version {candidate.number} of {candidate.name} {verdict}"


def _roll_back(runner: Runner, config: PromoteConfig, completed: Version | None) -> str:
    registry, name = runner.tracker.registry, config.registered_model
    champion = registry.get(name, CHAMPION)
    if completed is not None and completed.number != champion.number:
        # The rollback that this command had begun; it doesn't go one further back.
        return f"version {completed.number} of {name} {completed.tags[tags.DECISION]}"
    replaced = champion.tags.get(tags.REPLACED, NONE)
    before = None if replaced == NONE else registry.find(name, replaced)
    if before is None:
        raise TrackingError(
            f"the champion before version {champion.number} of {name}",
            found="no such version",
            expected="a version that this champion has replaced",
            remedy="Promote another version with candidate=NUMBER.",
        )
    runner.registered = f"{name}/{before.number}"
    registry.note(champion, {tags.PENDING: f"{_ROLLBACK}{before.number}"})
    registry.set_alias(before, CHAMPION)
    verdict = _note_rollback(runner, champion, before)
    registry.note(champion, {tags.PENDING: NONE})
    return f"version {champion.number} of {name} {verdict}"


def _note_rollback(runner: Runner, champion: Version, before: Version) -> str:
    verdict = f"was rolled back: version {before.number} is the champion again"
    description = champion.with_section(_SECTION, f"This version {verdict}.")
    notes = {tags.DECISION: verdict, tags.JUDGED_AGAINST: before.number}
    runner.tracker.registry.note(champion, notes, description=description)
    return verdict
