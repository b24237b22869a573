"""What the whole pipeline shows on its own run: the winner, the models side by side, and one report of everything."""

from dataclasses import replace
from textwrap import fill

from lds_mlflow.choices.data_sources import name_of
from lds_mlflow.config import DataConfig
from lds_mlflow.pipeline.lines import COLUMNS
from lds_mlflow.pipeline.records import alarm_notes, figures_in, in_lines
from lds_mlflow.pipeline.runner import Runner
from lds_mlflow.reporting.comparison import SUMMARY, comparison_note, models_chart
from lds_mlflow.reporting.whole import WholePipeline, report_of_pipeline
from lds_mlflow.tracking import (
    FinishedRun,
    Run,
    address_of_ui,
    link_to_version,
    page_of_artifact,
    page_of_runs,
    page_of_version,
    tags,
)
from lds_mlflow.values import Evaluation

__all__ = ["log_summary", "say_table", "say_winner", "show_comparison"]

_REPORT = "report.html"


def show_comparison(runner: Runner, run: Run, compared: FinishedRun) -> WholePipeline:
    """Shows what was compared on the run of the whole pipeline, and returns what the pipeline has made."""
    made = _made_by(runner, run, compared)
    with run.together():
        run.log_metrics(figures_in(compared))
        run.log_params({"extractor": compared.params["extractor"]})
        run.log_tags({tags.SENTENCE: compared.sentence, tags.PART: compared.part})
    run.log_picture(models_chart(made.evaluations), "pictures/comparison.png")
    links = [f"[Report]({page_of_artifact(run.experiment_id, run.id, _REPORT)})"]
    links += [link_to_version(runner.registered)] if runner.registered else []
    links += [compared.link, f"[all runs with their FID]({page_of_runs(run.experiment_id)})"]
    winner, _, convergence = compared.sentence.partition("\n")
    table = comparison_note(made.evaluations, {label: found.link for label, found in made.evaluated.items()})
    verdict = f"**{winner}.** {', '.join(links)}"
    run.log_note("\n\n".join(filter(None, (verdict, *alarm_notes(made.alarms), in_lines(convergence), table))))
    return made


def log_summary(runner: Runner, run: Run, made: WholePipeline) -> None:
    """Logs the report of the whole pipeline, and prints where it is."""
    pages = {"All runs with their FID": page_of_runs(run.experiment_id)}
    if runner.registered:
        name, _, number = runner.registered.rpartition("/")
        decision = runner.tracker.registry.get(name, number).tags.get(tags.DECISION, "is registered")
        made = replace(made, registered=f"Version {number} of {name} {decision}")
        pages[f"Version {number} of {name} in the registry"] = page_of_version(runner.registered)
    report = page_of_artifact(run.experiment_id, run.id, _REPORT)
    run.log_report(report_of_pipeline(replace(made, pages=pages)))
    runner.say(f"{'report':<11}{run.place_of(_REPORT) or f'{made.ui}/{report}'}")


def say_table(runner: Runner, compared: FinishedRun) -> None:
    """Prints the models of a comparison as a table."""
    with compared.folder(SUMMARY) as path:
        runner.say(f"\n{path.read_text(encoding='utf-8')}".rstrip())


def say_winner(runner: Runner, compared: FinishedRun) -> None:
    """Prints who has won a comparison, and by how much."""
    winner, _, _ = compared.sentence.partition("\n")
    runner.say("\n" + fill(f"{winner}.", COLUMNS))


def _made_by(runner: Runner, run: Run, compared: FinishedRun) -> WholePipeline:
    evaluated = {label: runner.upstream(compared, label, parent=run.id) for label in compared.inputs}
    behind = [
        (label, stem, runner.upstream(one, stem, parent=run.id))
        for label, one in evaluated.items()
        for stem in one.inputs
    ]
    upstream = {found.id: found for _, _, found in behind}
    return WholePipeline(
        data=name_of(runner.configs[DataConfig].data),
        sentence=compared.sentence,
        evaluated=evaluated,
        evaluations={
            label: found.load(Evaluation, f"evaluation_{found.params['part']}") for label, found in evaluated.items()
        },
        models={label: found for label, stem, found in behind if stem == "model"},
        upstream=[*upstream.values(), *evaluated.values(), compared],
        ui=address_of_ui(runner.tracker.tracking_uri),
    )
