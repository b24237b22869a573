"""Step `compare`: which of several models is better, by how much, and how certain that is."""

from collections.abc import Mapping, Sequence

from lds_mlflow.config import CompareConfig
from lds_mlflow.config.arms import BASELINE, CONTROL
from lds_mlflow.metrics import BETTER, Comparison, compare_evaluations
from lds_mlflow.recipes.convergence import convergence_in_words, gain_in_words
from lds_mlflow.reporting.comparison import (
    SUMMARY,
    comparison_report,
    comparison_table,
    listed_figures,
    lowest_fid,
    summary_for_console,
    winner_in_words,
)
from lds_mlflow.tracking import tags
from lds_mlflow.tracking.context import Context
from lds_mlflow.values import Evaluation

__all__ = ["run"]


def run(config: CompareConfig, context: Context) -> str:
    """Logs the table, the report and all figures; listed are those of the model with the lowest FID, and some FIDs."""
    evaluations = {
        label: found.load(Evaluation, f"evaluation_{found.params['part']}") for label, found in context.inputs.items()
    }
    comparisons = compare_evaluations(evaluations, margin=config.margin, replicates=config.bootstrap_replicates)
    table = comparison_table(comparisons)
    convergence = convergence_in_words(context.inputs) or _gain_by_more_steps(comparisons)
    context.run.log_text(f"{summary_for_console(evaluations, comparisons)}\n", SUMMARY)
    context.run.log_table(table, "comparison.csv")
    first = next(iter(evaluations.values()))
    context.run.log_params({"extractor": first.extractor})
    context.run.log_tags({tags.PART: first.part})
    listed = listed_figures({label: found.metrics for label, found in evaluations.items()}, lowest_fid(evaluations))
    context.run.log_figures(listed | _figures(evaluations, comparisons), listed=listed)
    context.run.log_report(comparison_report(evaluations, comparisons, config.margin, convergence))
    return "\n".join(filter(None, (winner_in_words(evaluations, comparisons), convergence)))


def _gain_by_more_steps(comparisons: Sequence[Comparison]) -> str:
    """Returns a sentence where the control, which only has more steps than the baseline, is better, otherwise ""."""
    wanted = (CONTROL, BASELINE, "fid", BETTER)
    gains = (row.difference for row in comparisons if (row.model, row.reference, row.name, row.verdict) == wanted)
    return next(map(gain_in_words, gains), "")


def _figures(evaluations: Mapping[str, Evaluation], comparisons: Sequence[Comparison]) -> dict[str, float]:
    figures = {
        f"{label}/{name}": value for label, found in evaluations.items() for name, value in found.named().items()
    }
    for row in comparisons:
        ends = {"difference": row.difference, "low": row.low, "high": row.high, "p": row.p_corrected}
        figures |= {f"{row.model} against {row.reference}/{row.name}_{end}": value for end, value in ends.items()}
    return figures
