"""What a person reads of a comparison of models."""

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.figure import Figure

from lds_mlflow.choices.figures import FIGURES, HEADLINES, LEVEL, LISTED
from lds_mlflow.metrics import BETTER, NO_DIFFERENCE, TOO_FEW, WORSE, Comparison
from lds_mlflow.pictures import REAL_EXAMPLES, Interval, comparison_chart, difference_chart, tradeoff_chart
from lds_mlflow.pictures.report import BoldText, Report
from lds_mlflow.reporting.evaluation import DENSITY_CAVEAT, figures_table
from lds_mlflow.values import Evaluation

__all__ = [
    "SUMMARY",
    "comparison_note",
    "comparison_report",
    "comparison_table",
    "listed_figures",
    "lowest_fid",
    "models_chart",
    "summary_for_console",
    "verdicts_in_words",
    "winner_in_words",
]

SUMMARY = "summary.txt"
"""The artifact of a comparison that a command shows at its end."""

_LABEL, _VERDICT = 32, 28
_LISTED_MODELS = 4
_AGAINST = {BETTER: "better than", NO_DIFFERENCE: "no difference seen from", TOO_FEW: "too few samples to tell it from"}
_ONE_SEED = (
    "Each model is one training run, so a verdict speaks of these models and not of the ways in which they were "
    "trained. To compare ways of training, train each of them with several seeds."
)
_READ = (
    "The difference is that of the model less that of the reference, with a 95 % interval for this difference alone. p "
    f"is corrected for all comparisons in this table by Holm's method. A verdict takes p < {LEVEL}."
)


def comparison_table(comparisons: Sequence[Comparison]) -> pd.DataFrame:
    """Returns the comparisons, one in each row, with all that is known of them."""
    return pd.DataFrame([comparison._asdict() for comparison in comparisons])


def verdicts_in_words(evaluations: Mapping[str, Evaluation], comparisons: Sequence[Comparison]) -> str:
    """Returns a line for each pair of models: what is better, what is worse, and what can't be told."""
    return "\n".join(_of_pair(pair, rows, evaluations[pair[0]]) for pair, rows in _by_pair(comparisons).items())


def winner_in_words(evaluations: Mapping[str, Evaluation], comparisons: Sequence[Comparison]) -> str:
    """Returns a sentence on the model with the lowest FID: what its FID is judged to be beside that of each other."""
    best, fids = lowest_fid(evaluations), {label: f"{found.metrics['fid']:.3g}" for label, found in evaluations.items()}
    by_verdict: dict[str, list[str]] = {}
    for label in evaluations:
        if label != best:
            by_verdict.setdefault(_verdict_of_best(comparisons, best, label), []).append(f"{label} ({fids[label]})")
    verdicts = "; ".join(f"{_AGAINST[verdict]} {', '.join(labels)}" for verdict, labels in by_verdict.items())
    measured = f"{evaluations[best].n_samples:,} samples, {evaluations[best].part}"
    return f"{best} has the lowest FID, {fids[best]} ({measured}): {verdicts}"


def summary_for_console(evaluations: Mapping[str, Evaluation], comparisons: Sequence[Comparison]) -> str:
    """Returns the models as a table of at most 80 columns: FID, Coverage, and whether FID is clearly not the lowest."""
    best, real = lowest_fid(evaluations), _side_by_side(evaluations)[REAL_EXAMPLES]
    lines = [_line("", "FID", "Coverage", "FID beside the lowest")]
    for label, found in evaluations.items():
        fid, coverage = (f"{found.metrics[name]:.3g}" for name in ("fid", "coverage"))
        if label == best:
            lines.append(_line(f"* {label}", fid, coverage, "the lowest"))
        else:
            verdict = _verdict_of_best(comparisons, best, label)
            lines.append(_line(f"  {label}", fid, coverage, WORSE if verdict == BETTER else verdict))
    lines.append(_line(f"  {REAL_EXAMPLES}", f"{real['fid']:.3g}", f"{real['coverage']:.3g}", "for comparison"))
    return "\n".join(lines)


def lowest_fid(evaluations: Mapping[str, Evaluation]) -> str:
    """Returns the name of the model with the lowest FID."""
    return min(evaluations, key=lambda label: evaluations[label].metrics["fid"])


def listed_figures(figures: Mapping[str, Mapping[str, float]], best: str) -> dict[str, float]:
    """Returns what a list of runs has room for of several models: one's own figures, and the lowest FIDs by model.

    Args:
        figures: The figures of the models, by their names.
        best: The model whose figures are listed by their own names, as those of an evaluation are.
    """
    fids = sorted((found["fid"], label) for label, found in figures.items())
    own = {name: figures[best][name] for name in LISTED if name in figures[best]}
    return own | {f"fid/{label}": fid for fid, label in fids[:_LISTED_MODELS]}


def _verdict_of_best(comparisons: Sequence[Comparison], best: str, other: str) -> str:
    """Returns the verdict on the lowest FID beside another: better, or that it can't be told from it."""
    row = next(row for row in comparisons if row.name == "fid" and {row.model, row.reference} == {best, other})
    return BETTER if row.verdict in (BETTER, WORSE) else row.verdict


def _line(label: str, fid: str, coverage: str, verdict: str) -> str:
    shown = label if len(label) <= _LABEL else f"{label[: _LABEL - 1]}…"
    return f"{shown:<{_LABEL}} {fid:>7} {coverage:>9}  {verdict[:_VERDICT]}".rstrip()


def comparison_report(
    evaluations: Mapping[str, Evaluation], comparisons: Sequence[Comparison], margin: float, convergence: str = ""
) -> Report:
    """Returns what a person reads of a comparison.

    Args:
        evaluations: The evaluations, by the models' names.
        comparisons: All of their comparisons.
        margin: The difference that matters, as a share of the figure.
        convergence: Which models had not converged, in words, or "".
    """
    report = Report(f"Comparison of {' and '.join(evaluations)}")
    first = next(iter(evaluations.values()))
    for line in verdicts_in_words(evaluations, comparisons).splitlines():
        report.paragraph(BoldText(line))
    if convergence:
        report.paragraph(BoldText(convergence))
    report.paragraph(_ONE_SEED)
    report.paragraph(
        f"Each model has {first.n_samples:,} samples of the same seeds, measured against the same examples of the part "
        f"{first.part} by the features of {first.extractor} (resize: {first.resize}). A difference that is not "
        f"significant is called no difference seen where its interval lies within {margin:.0%} of the figure, and too "
        "few samples to tell where it does not. Few examples bias FID, by an amount that depends on the model. So its "
        "verdict has to hold at infinite samples too, and there is no verdict where that can't be extrapolated."
    )
    report.table(_words(comparisons), _READ)
    for (model, reference), rows in _by_pair(comparisons).items():
        title = f"{model} against {reference}"
        chart = difference_chart([_scaled(row) for row in rows if row.reference_value], title)
        report.picture(f"pictures/{title.replace(' ', '_')}.png", chart, "Differences with 95 % intervals.")
    _add_models(report, evaluations)
    return report


def _add_models(report: Report, evaluations: Mapping[str, Evaluation]) -> None:
    real = _side_by_side(evaluations)[REAL_EXAMPLES]
    points = {
        label: (_interval(found, "density"), _interval(found, "coverage")) for label, found in evaluations.items()
    }
    chart = tradeoff_chart(points, (real["density"], real["coverage"]))
    report.picture("pictures/tradeoff.png", chart, DENSITY_CAVEAT)
    report.picture("pictures/comparison.png", models_chart(evaluations), "The models side by side.")
    for label, found in evaluations.items():
        report.heading(label)
        report.table(figures_table(found), f"All figures of {label}, beside those of {REAL_EXAMPLES}.")


def models_chart(evaluations: Mapping[str, Evaluation]) -> Figure:
    """Draws the headline figures of the models side by side, beside those of real examples."""
    titles = {name: f"{FIGURES[name].title}{_arrow(name)}" for name in HEADLINES}
    intervals = {label: found.intervals for label, found in evaluations.items()}
    return comparison_chart(_side_by_side(evaluations), titles, intervals)


def comparison_note(evaluations: Mapping[str, Evaluation], links: Mapping[str, str]) -> str:
    """Returns the models side by side as a Markdown table.

    Args:
        evaluations: The evaluations, by the models' names.
        links: Where each is found, in Markdown, by the same names.
    """
    lines = [f"| model | {' | '.join(FIGURES[name].title for name in HEADLINES)} | run |", "|---" * 5 + "|"]
    for label, figures in _side_by_side(evaluations).items():
        lines.append(
            f"| {label} | {' | '.join(f'{figures[name]:.3g}' for name in HEADLINES)} | {links.get(label, '')} |"
        )
    return "\n".join(lines)


def _side_by_side(evaluations: Mapping[str, Evaluation]) -> dict[str, Mapping[str, float]]:
    floor = next(iter(evaluations.values())).metrics
    real = {name: floor[f"floor_{name}"] for name in HEADLINES}
    return {REAL_EXAMPLES: real, **{label: found.metrics for label, found in evaluations.items()}}


def _interval(evaluation: Evaluation, name: str) -> Interval:
    return (evaluation.metrics[name], *evaluation.intervals[name])


def _scaled(row: Comparison) -> tuple[str, float, float, float, str]:
    unit = abs(row.reference_value)
    return FIGURES[row.name].title, row.difference / unit, row.low / unit, row.high / unit, row.verdict


def _words(comparisons: Sequence[Comparison]) -> pd.DataFrame:
    rows = [
        (
            f"{row.model} against {row.reference}",
            FIGURES[row.name].title,
            f"{row.value:.4g}",
            f"{row.reference_value:.4g}",
            f"{row.difference:+.3g} ({row.low:+.3g} to {row.high:+.3g})",
            f"{row.p_corrected:.2g}",
            row.verdict
            + (
                f" (about {row.samples_needed:,} samples and as many held-out examples would tell)"
                if row.samples_needed
                else ""
            ),
        )
        for row in comparisons
    ]
    columns = ["models", "figure", "model", "reference", "difference", "p", "verdict"]
    return pd.DataFrame(rows, columns=columns)


def _of_pair(pair: tuple[str, str], rows: Sequence[Comparison], evaluation: Evaluation) -> str:
    by_verdict: dict[str, list[str]] = {}
    for row in rows:
        by_verdict.setdefault(row.verdict, []).append(_in_short(row))
    verdicts = "; ".join(f"{verdict}: {', '.join(found)}" for verdict, found in by_verdict.items())
    return f"{pair[0]} against {pair[1]} ({evaluation.n_samples:,} samples, {evaluation.part}): {verdicts}"


def _in_short(row: Comparison) -> str:
    title = FIGURES[row.name].title
    if row.verdict in (NO_DIFFERENCE, TOO_FEW):
        return title
    return f"{title} by {row.difference:+.3g} ({row.low:+.3g} to {row.high:+.3g})"


def _by_pair(comparisons: Sequence[Comparison]) -> dict[tuple[str, str], list[Comparison]]:
    found: dict[tuple[str, str], list[Comparison]] = {}
    for comparison in comparisons:
        found.setdefault((comparison.model, comparison.reference), []).append(comparison)
    return found


def _arrow(name: str) -> str:
    better = FIGURES[name].better
    return "" if better == "neither" else f" ({better} is better)"
