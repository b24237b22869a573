"""Step `compare`: which of several models is better, by how much, and how certain that is."""

from lds_mlflow.config import CompareConfig
from lds_mlflow.metrics import compare_evaluations
from lds_mlflow.recipes.convergence import convergence_in_words
from lds_mlflow.reporting.comparison import (
    comparison_report,
    comparison_table,
    summary_for_console,
    winner_in_words,
)
from lds_mlflow.tracking.context import Context
from lds_mlflow.values import Evaluation

__all__ = ["run"]


def run(config: CompareConfig, context: Context) -> str:
    """Logs the table and the report; figures of all models are logged side by side."""
    evaluations = {
        label: found.load(Evaluation, f"evaluation_{found.params['part']}") for label, found in context.inputs.items()
    }
    comparisons = compare_evaluations(evaluations, margin=config.margin, replicates=config.bootstrap_replicates)
    table = comparison_table(comparisons)
    convergence = convergence_in_words(context.inputs)
    context.say(f"\n{summary_for_console(evaluations, comparisons)}\n")
    context.run.log_table(table, "comparison.csv")
    for label, evaluation in evaluations.items():
        context.run.log_metrics(evaluation.named(label))
    for row in comparisons:
        figures = {"difference": row.difference, "low": row.low, "high": row.high, "p": row.p_corrected}
        named = {f"{row.name}_{end}": value for end, value in figures.items()}
        context.run.log_metrics(evaluations[row.model].placed(named, f"{row.model} against {row.reference}"))
    context.run.log_report(comparison_report(evaluations, comparisons, config.margin, convergence))
    return "\n".join(filter(None, (winner_in_words(evaluations, comparisons), convergence)))
