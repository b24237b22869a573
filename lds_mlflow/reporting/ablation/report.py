"""The tables and figures of an ablation in order, and the report that shows them."""

from collections.abc import Mapping, Sequence

from PIL import Image

from lds_mlflow.choices.figures import LEVEL
from lds_mlflow.config.arms import ARMS, CONTROL, LDS
from lds_mlflow.pictures.png import Picture
from lds_mlflow.pictures.report import BoldText, Report
from lds_mlflow.reporting.ablation.charts import chart_of_generations, fidelity_chart, forest_chart, lineage_chart
from lds_mlflow.reporting.ablation.claims import ledger
from lds_mlflow.reporting.ablation.documents import Document
from lds_mlflow.reporting.ablation.results import AblationResults
from lds_mlflow.reporting.ablation.tables import arms_table, finetuning_table, kind_table
from lds_mlflow.reporting.evaluation import DENSITY_CAVEAT

__all__ = ["documents_of", "report_of_ablation", "sentence_of"]


def documents_of(results: AblationResults, lineage: Mapping[str, str], bands: Image.Image | None) -> list[Document]:
    """Returns the tables and figures, in the order in which a person wants to read them.

    Args:
        results: The evaluations of the arms.
        lineage: What each step of the draft's arm read and made, by the step's name, in the order in which they ran.
        bands: The picture of the draft's arm's candidates by band of LDS, or None where there is none.
    """
    filters = [arm for arm in results.test if ARMS[arm].filters]
    tables = [
        Document("claims", "Claims ledger: what the draft says, and what was measured", ledger(results)),
        Document("table1_filters", "Table 1: filters of A", arms_table(results, filters)),
        Document("table2_finetuning", "Table 2: baseline against finetuned", finetuning_table(results)),
        Document("table3_arms", "Table 3: all arms, each against the control", arms_table(results, list(results.test))),
    ]
    if results.figures_of_kind:
        tables.append(Document("table4_kind", "Table 4: figures of this kind of data", kind_table(results)))
    pictures: dict[tuple[str, str], Picture | None] = {
        ("figure3_fid", "Figure 3: FID of each arm against the control"): forest_chart(results, "fid"),
        ("figure4_coverage", "Figure 4: Coverage of each arm against the control"): forest_chart(results, "coverage"),
        ("figure1_pipeline", "Figure 1: the pipeline as it ran (the draft's arm, seed 0)"): lineage_chart(lineage),
        ("figure2_lds_bands", "Figure 2: candidates by LDS, high on the left, low on the right"): bands,
        ("figure5_generations", "Figure 5: finetuned on its own samples"): chart_of_generations(results),
    }
    drawn = [Document(name, title, None, picture) for (name, title), picture in pictures.items() if picture is not None]
    return tables + drawn


def sentence_of(results: AblationResults) -> str:
    """Returns the result: what the part select prefers, and what the part test says of that and of the draft's arm."""
    lines = [f"{len(results.test)} arms over {results.seeds} seeds"]
    lines += [results.convergence.rstrip(".")] if results.convergence else []
    lines += [_against_control(results, LDS, "the draft's rule")] if LDS in results.test else []
    chosen = results.chosen
    if chosen == CONTROL:
        lines.append("the part select prefers no arm to the control")
    else:
        lines.append(_against_control(results, chosen, "preferred by the part select"))
    if results.left_out:
        lines.append(f"left out: {', '.join(results.left_out)}")
    return "\n".join(lines)


def report_of_ablation(results: AblationResults, documents: Sequence[Document]) -> Report:
    """Returns what a person reads of an ablation.

    Args:
        results: The evaluations of the arms.
        documents: The tables and figures, in order.
    """
    first = results.first
    report = Report("Ablation: what each arm does beside the control")
    for line in sentence_of(results).splitlines():
        report.paragraph(BoldText(f"{line[0].upper()}{line[1:]}."))
    report.paragraph(
        f"There are {results.seeds} seeds. Each has a baseline of its own, from which all arms of the seed go on for "
        f"the same number of steps. Each arm has {first.n_samples:,} samples for each seed, measured against the same "
        f"examples of the part {first.part} by the features of {first.extractor}. Intervals are of 95 %, over seeds "
        "and real examples."
    )
    report.paragraph(
        f"A verdict takes p < {LEVEL} after Holm's correction over all arms, and an interval that does not hold 0; for "
        "FID, at infinite samples too. Every line of the claims ledger, and the arm that the part select prefers, is "
        "one comparison, and takes p without correction. Few seeds can show large differences only."
    )
    for arm in results.left_out:
        needs = ARMS[arm].needs
        why = f"it needs {needs} in the data" if needs else "for one of the seeds it failed, see the runs that failed"
        report.paragraph(f"Left out: {arm} ({ARMS[arm].title}); {why}.")
    for document in documents:
        report.heading(document.title)
        if document.table is not None:
            report.table(document.table, f"The files {document.name}.md, .tex and .png have this table too.")
        elif document.picture is not None:
            report.picture(f"paper/{document.name}.png", document.picture, document.title)
    report.heading("Fidelity against variety")
    report.picture("pictures/tradeoff.png", fidelity_chart(results), DENSITY_CAVEAT)
    return report


def _against_control(results: AblationResults, arm: str, what: str) -> str:
    found = results.compared(arm, CONTROL)
    fid, coverage = found["fid"], found["coverage"]
    return (
        f"{ARMS[arm].title} ({what}) against the control: FID {fid.reference_value:.3g} to {fid.value:.3g} "
        f"({fid.difference:+.3g}, {fid.low:+.3g} to {fid.high:+.3g}; {fid.verdict}), Coverage "
        f"{coverage.reference_value:.3g} to {coverage.value:.3g} ({coverage.low:+.3g} to {coverage.high:+.3g}; "
        f"{coverage.verdict})"
    )
