"""The command `promote`: which version of a registered model people are to depend on.

One version at a time is the champion. A candidate is compared with it by the part select, and takes its place only
through the gate (`metrics/gate.py`); the decision, with its figures, is written on the version either way.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from time import sleep

from filelock import FileLock

from lds_mlflow.choices.figures import MARGIN
from lds_mlflow.config import NO_MODEL, PromoteConfig
from lds_mlflow.entry.points import PROMOTE
from lds_mlflow.errors import TrackingError
from lds_mlflow.metrics import Decision, Limit, Limits, decide
from lds_mlflow.pipeline.evaluation_runs import can_be_judged, evaluate_model
from lds_mlflow.pipeline.runner import Ending, Runner, Runs
from lds_mlflow.reporting.comparison import comparison_report, comparison_table
from lds_mlflow.tracking import CHAMPION, FinishedRun, Run, Version, tags
from lds_mlflow.values import Evaluation, LatentDistribution

__all__ = ["promote", "promote_if_new"]

_NONE = "none"
_SETTLE_SECONDS = 2.0
_SECTION = "Promotion"


def promote_if_new(runner: Runner, parent: str) -> None:
    """Promotes the newest version, unless that has been decided already against the champion that there is."""
    config = runner.configs[PromoteConfig]
    registry, name = runner.tracker.registry, config.registered_model
    if name == NO_MODEL:
        return
    candidate, champion = registry.get(name, config.candidate), registry.find(name, CHAMPION)
    if champion is not None and champion.number == candidate.number:
        runner.say(f"{PROMOTE:<11}version {candidate.number} of {name} is the champion already")
    elif candidate.tags.get(tags.JUDGED_AGAINST) == (champion.number if champion else _NONE):
        runner.say(f"{PROMOTE:<11}version {candidate.number} of {name}: {candidate.tags[tags.DECISION]}")
    else:
        run = runner.tracker.begin(PROMOTE, parent=parent, values={tags.STEP: PROMOTE})
        promote(runner, run)


def promote(runner: Runner, run: Run) -> None:
    """Decides on a candidate, or restores the champion before this one, and ends the run.

    Args:
        runner: What finds or makes the evaluations.
        run: The run of the command.

    Raises:
        TrackingError: There is no such version; or none to restore.
    """
    config = runner.configs[PromoteConfig]
    with Ending(run), _one_at_a_time(runner, config):
        run.log_params(config.model_dump(mode="json"))
        sentence = _roll_back(runner, config) if config.rollback else _decide(runner, config, run)
        runner.say(f"{PROMOTE:<11}{sentence}")
        run.log_tags({tags.SENTENCE: sentence})
        run.log_note(f"**{PROMOTE}**: {sentence}.")
        run.end("FINISHED")


@contextmanager
def _one_at_a_time(runner: Runner, config: PromoteConfig) -> Iterator[None]:
    folder = runner.options.work_dir / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f"promote-{config.registered_model}"):
        yield


def _decide(runner: Runner, config: PromoteConfig, run: Run) -> str:
    registry, name = runner.tracker.registry, config.registered_model
    candidate = registry.get(name, config.candidate)
    while True:
        champion = registry.find(name, CHAMPION)
        if champion is not None and champion.number == candidate.number:
            return f"version {candidate.number} of {name} is the champion already"
        decision, evaluated = _judge(runner, config, candidate, champion, run)
        if not decision.promotes or _crown(runner, candidate, champion):
            return _note(runner, run, candidate, champion, decision=decision, evaluated=evaluated)
        runner.say(f"{PROMOTE:<11}another version has become the champion in the meantime, so the decision is repeated")


def _judge(
    runner: Runner, config: PromoteConfig, candidate: Version, champion: Version | None, run: Run
) -> tuple[Decision, dict[str, FinishedRun]]:
    registered = runner.tracker.open(candidate.run_id)
    data = runner.tracker.open(registered.inputs["data"])
    if not can_be_judged(runner, data):
        says = "not judged: the examples have no classes, so another extractor than the classifier is needed (features)"
        return Decision((Limit("features", False, says),), ()), {}
    if champion is not None:
        other = runner.tracker.open(runner.tracker.open(champion.run_id).inputs["data"])
        if other.digest != data.digest:
            says = f"not comparable: version {champion.number} was made from other examples"
            return Decision((Limit("data", False, says),), ()), {}
    classifier = _classifier_of(runner, registered)
    versions = {"champion": champion, "candidate": candidate}
    runs = {
        label: _evaluate(runner, label, version, classifier, run.id)
        for label, version in versions.items()
        if version is not None
    }
    evaluations = {label: found.load(Evaluation, "evaluation_select") for label, found in runs.items()}
    limits = Limits(config.coverage_loss, config.share_gap_gain, config.least_nearest_ratio)
    decision = decide(
        evaluations["candidate"],
        evaluations.get("champion"),
        figure=config.promote_by,
        limits=limits,
        replicates=config.bootstrap_replicates,
    )
    if decision.comparisons:
        run.log_table(comparison_table(decision.comparisons), "comparison.csv")
        run.log_report(comparison_report(evaluations, decision.comparisons, MARGIN))
    return decision, runs


def _evaluate(runner: Runner, label: str, version: Version, classifier: Runs, parent: str) -> FinishedRun:
    registered = runner.tracker.open(version.run_id)
    distribution = registered.load(LatentDistribution, "distribution")
    settings = {name: registered.params[name] for name in ("sampler_sigma", "sampler_components")}
    model = runner.tracker.open(registered.inputs["model"])
    return evaluate_model(
        runner,
        f"{label}, version {version.number}, select",
        model,
        classifier,
        parent,
        part="select",
        samples=0,
        sampler=distribution.sampler,
        **settings,
    )


def _classifier_of(runner: Runner, registered: FinishedRun) -> dict[str, FinishedRun]:
    """Returns the classifier that the candidate's sampler was chosen by, for both to be measured by one."""
    chosen = registered.load(LatentDistribution, "distribution").sampler
    if chosen not in registered.inputs:
        return {}
    behind = runner.tracker.open(registered.inputs[chosen]).inputs
    return {name: runner.tracker.open(run_id) for name, run_id in behind.items() if name == "classifier"}


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
    before = champion.number if champion else _NONE
    if decision.promotes:
        place = f"in place of version {before}" if champion else "as the first champion"
        verdict = f"became the champion {place}: {decision.sentence}"
    else:
        verdict = f"stays a challenger: {decision.sentence}"
    figures = {
        row.name: [row.value, row.reference_value, row.difference, row.low, row.high] for row in decision.comparisons
    }
    notes = {tags.DECISION: verdict, tags.JUDGED_AGAINST: before, tags.PROMOTE_RUN: run.id}
    notes |= {tags.REPLACED: before} if decision.promotes else {}
    notes |= {tags.FIGURES: json.dumps({name: [float(f"{x:.4g}") for x in row] for name, row in figures.items()})}
    which = {"candidate": tags.CANDIDATE_RUN, "champion": tags.CHAMPION_RUN}
    notes |= {which[label]: found.id for label, found in evaluated.items()}
    runner.tracker.registry.note(candidate, candidate.with_section(_SECTION, f"This version {verdict}."), notes)
    run.log_metrics({f"promote/{limit.name}_holds": float(limit.holds) for limit in decision.limits})
    return f"version {candidate.number} of {candidate.name} {verdict}"


def _roll_back(runner: Runner, config: PromoteConfig) -> str:
    registry, name = runner.tracker.registry, config.registered_model
    champion = registry.get(name, CHAMPION)
    before = registry.find(name, champion.tags.get(tags.REPLACED, _NONE))
    if before is None:
        raise TrackingError(
            f"the champion before version {champion.number} of {name}",
            found="no such version",
            expected="a version that this champion has replaced",
            remedy="Promote another version with candidate=NUMBER.",
        )
    registry.set_alias(before, CHAMPION)
    verdict = f"was rolled back: version {before.number} is the champion again"
    notes = {tags.DECISION: verdict, tags.JUDGED_AGAINST: before.number}
    registry.note(champion, champion.with_section(_SECTION, f"This version {verdict}."), notes)
    return f"version {champion.number} of {name} {verdict}"
