"""The tables and figures of an ablation, each as Markdown, LaTeX and PNG, and the report that shows them."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from lds_mlflow.config.arms import ARMS, BASELINE, CONTROL, LDS
from lds_mlflow.metrics import FIGURES, TOO_FEW, Comparison, OverSeeds, mean_of_values, mean_over_seeds
from lds_mlflow.pictures import difference_chart, generations_chart, pipeline_chart, table_picture, tradeoff_chart
from lds_mlflow.pictures.report import Bold, Picture, Report
from lds_mlflow.reporting.ablation.claims import ledger
from lds_mlflow.reporting.ablation.results import ArmsRead

__all__ = ["Document", "documents_of", "report_of_ablation", "sentence_of"]

_OF_A = "women in A, by the nearer parent"
_GENERATION_FIGURES = ("fid", "coverage", "vendi", "nearest_ratio")


class Document(NamedTuple):
    """A table or a figure of the paper.

    Attributes:
        name: What its files are called.
        title: What it shows.
        table: Its content, if it is a table.
        picture: Its content, if it is a figure.
    """

    name: str
    title: str
    table: pd.DataFrame | None = None
    picture: Picture | None = None

    def markdown(self) -> str:
        """Returns it as Markdown, to lie beside its PNG."""
        report = Report(self.title)
        if self.table is not None:
            report.table(self.table, self.title)
        else:
            report.picture_at(f"{self.name}.png", self.title)
        return report.markdown()

    def latex(self) -> str:
        """Returns it as LaTeX, for a document that has the package booktabs, or graphicx."""
        if self.table is not None:
            return str(self.table.to_latex(index=False, escape=True, caption=self.title, label=f"tab:{self.name}"))
        caption = f"\\caption{{{self.title}}}\n\\label{{fig:{self.name}}}"
        return (
            f"\\begin{{figure}}\n\\includegraphics[width=\\linewidth]{{{self.name}.png}}\n{caption}\n\\end{{figure}}\n"
        )

    def png(self) -> Picture:
        """Returns it as a picture."""
        if self.table is not None:
            return table_picture(self.table, self.title)
        assert self.picture is not None
        return self.picture


def documents_of(read: ArmsRead, lineage: Mapping[str, str], bands: Image.Image | None) -> list[Document]:
    """Returns the tables and figures, in the order in which a person wants to read them.

    Args:
        read: The arms.
        lineage: What the steps of the draft's arm have read and made, by step, in the order in which they ran.
        bands: Candidates by LDS band, of the draft's arm.
    """
    figures = [
        Document(
            "figure1_pipeline", "Figure 1: the pipeline, as it ran (the draft's arm, seed 0)", None, _figure1(lineage)
        )
    ]
    if bands is not None:
        figures.append(
            Document(
                "figure2_lds_bands", "Figure 2: candidates by LDS, high on the left, low on the right", None, bands
            )
        )
    generations = _generations(read)
    return [
        Document("claims", "Claims ledger: what the draft says, and what was measured", ledger(read)),
        Document("table1_filters", "Table 1: filters of A", _table(read, [a for a in read.test if ARMS[a].filters])),
        Document("table2_finetuning", "Table 2: baseline against finetuned", _table2(read)),
        Document("table3_arms", "Table 3: all arms, each against the control", _table(read, list(read.test))),
        Document("figure3_fid", "Figure 3: FID of each arm against the control", None, _forest(read, "fid")),
        Document(
            "figure4_coverage", "Figure 4: Coverage of each arm against the control", None, _forest(read, "coverage")
        ),
        *figures,
        *(
            [Document("figure5_generations", "Figure 5: finetuned on its own samples", None, generations)]
            if generations
            else []
        ),
    ]


def sentence_of(read: ArmsRead) -> str:
    """Returns what came out: what the select part prefers, and what the test part says of it and of the draft's arm."""
    lines = [f"{len(read.test)} arms over {read.seeds} seeds"]
    lines += [_against_control(read, LDS, "the draft's rule")] if LDS in read.test else []
    chosen = read.chosen
    if chosen == CONTROL:
        lines.append("the part select prefers no arm to the control")
    else:
        lines.append(_against_control(read, chosen, "preferred by the part select"))
    if read.left_out:
        lines.append(f"left out: {', '.join(read.left_out)}")
    return "\n".join(lines)


def report_of_ablation(read: ArmsRead, documents: Sequence[Document]) -> Report:
    """Returns what a person reads of an ablation."""
    first = read.test[CONTROL][0]
    report = Report("Ablation: what each arm does beside the control")
    for line in sentence_of(read).splitlines():
        report.paragraph(Bold(f"{line[0].upper()}{line[1:]}."))
    report.paragraph(
        f"{read.seeds} seeds, each with a baseline of its own, from which all its arms go on for as many steps; "
        f"{first.n_samples:,} samples an arm and seed, against the same images of the part {first.part}, by the "
        f"features of {first.extractor}. Intervals are of 95 %, over seeds and real images. Verdicts take p < 0.05 "
        "after Holm's correction over all arms, and an interval that is clear of 0, for FID at infinite samples too; "
        "the claims ledger and the chosen arm, one comparison each, take p as it is. Few seeds show large ones only."
    )
    for arm in read.left_out:
        needs = ARMS[arm].needs
        why = f"it needs {needs}" if needs else "its selection left nothing for a seed; see the runs that failed"
        report.paragraph(f"Left out: {arm} ({ARMS[arm].title}); {why}.")
    for document in documents:
        report.heading(document.title)
        if document.table is not None:
            report.table(document.table, f"{document.name}.md, .tex and .png have it too.")
        elif document.picture is not None:
            report.picture(f"paper/{document.name}.png", document.picture, document.title)
    report.heading("Fidelity against variety")
    points = {
        ARMS[arm].title: (_triple(read.mean(arm, "density")), _triple(read.mean(arm, "coverage"))) for arm in read.test
    }
    floor = (first.metrics["floor_density"], first.metrics["floor_coverage"])
    report.picture(
        "pictures/tradeoff.png",
        tradeoff_chart(points, floor),
        "Density rises where samples crowd: don't read it alone.",
    )
    return report


def _against_control(read: ArmsRead, arm: str, what: str) -> str:
    found = read.compared(arm, CONTROL)
    fid, coverage = found["fid"], found["coverage"]
    return (
        f"{ARMS[arm].title} ({what}) against the control: FID {fid.reference_value:.3g} to {fid.value:.3g} "
        f"({fid.difference:+.3g}, {fid.low:+.3g} to {fid.high:+.3g}; {fid.verdict}), Coverage "
        f"{coverage.reference_value:.3g} to {coverage.value:.3g} ({coverage.low:+.3g} to {coverage.high:+.3g}; "
        f"{coverage.verdict})"
    )


def _table(read: ArmsRead, arms: Sequence[str]) -> pd.DataFrame:
    rows = [BASELINE, CONTROL, *(arm for arm in arms if arm not in (BASELINE, CONTROL))]
    return pd.DataFrame([_real_images(read), *(_row(read, arm) for arm in rows)])


def _table2(read: ArmsRead) -> pd.DataFrame:
    arms = [arm for arm in dict.fromkeys((BASELINE, CONTROL, LDS, read.chosen)) if arm in read.test]
    table = _table(read, arms)
    marks = {ARMS[read.chosen].title: " [preferred by the part select]"}
    return table.assign(arm=[f"{title}{marks.get(title, '')}" for title in table["arm"]])


def _row(read: ArmsRead, arm: str) -> dict[str, str]:
    fid = read.against_control.get((arm, "fid"))
    share = read.share_of_women
    row = {
        "arm": ARMS[arm].title,
        "FID": _in_words(read.mean(arm, "fid")),
        "minus control": "" if fid is None else f"{fid.difference:+.3g} ({fid.low:+.3g} to {fid.high:+.3g})",
        "p": "" if fid is None else f"{fid.p:.2g}",
        "p, Holm": "" if fid is None else f"{fid.p_corrected:.2g}",
        "FID is": "" if fid is None else fid.verdict,
        "Density": _in_words(read.mean(arm, "density")),
        "Coverage": _in_words(read.mean(arm, "coverage")),
        "Coverage is": _verdict_of(read.against_control.get((arm, "coverage"))),
        "nearest-neighbour ratio": _in_words(read.mean(arm, "nearest_ratio")),
    }
    if share:
        own = read.women_of_A.get(arm)
        of_A = "" if own is None else _in_words(mean_of_values(own))
        return row | {"women, corrected": _in_words(read.mean(arm, share)), _OF_A: of_A}
    gap = "class_share_gap_corrected" if read.mean(arm, "class_share_gap_corrected") else "class_share_gap"
    return row | {"class share gap": _in_words(read.mean(arm, gap)) if read.mean(arm, gap) else ""}


def _real_images(read: ArmsRead) -> dict[str, str]:
    metrics, share = read.test[CONTROL][0].metrics, read.share_of_women
    last = (
        {"women, corrected": f"{metrics[share.replace('class_share_corrected', 'train_class_share')]:.3g}", _OF_A: ""}
        if share
        else {}
    )
    row = {
        "arm": "real images (training part)",
        "FID": f"{metrics['floor_fid']:.3g}",
        **dict.fromkeys(("minus control", "p", "p, Holm", "FID is"), ""),
        "Density": f"{metrics['floor_density']:.3g}",
        "Coverage": f"{metrics['floor_coverage']:.3g}",
        "Coverage is": "",
        "nearest-neighbour ratio": "1",
    }
    return row | (last or {"class share gap": f"{metrics.get('floor_class_share_gap', float('nan')):.3g}"})


def _in_words(found: OverSeeds | None) -> str:
    return "" if found is None else f"{found.value:.3g} ({found.low:.3g} to {found.high:.3g})"


def _verdict_of(row: Comparison | None) -> str:
    return "" if row is None else row.verdict


def _triple(found: OverSeeds | None) -> tuple[float, float, float]:
    assert found is not None
    return found.value, found.low, found.high


def _forest(read: ArmsRead, name: str) -> Figure:
    rows = []
    for arm in read.test:
        row = read.against_control.get((arm, name))
        if row is not None and row.reference_value:
            scale = 1 / abs(row.reference_value)
            verdict = "" if row.verdict == TOO_FEW else row.verdict
            rows.append((ARMS[arm].title, row.difference * scale, row.low * scale, row.high * scale, verdict))
    title = f"{FIGURES[name].title} against the control ({FIGURES[name].better} is better), {read.seeds} seeds"
    return difference_chart(rows, title)


def _figure1(lineage: Mapping[str, str]) -> Figure:
    steps = list(lineage)
    chain = [(one, other) for one, other in _READS if one in steps and other in steps]
    return pipeline_chart(lineage, chain, "Density-based latent augmentation: the draft's arm, seed 0")


_READS = (
    ("data", "train"),
    ("train", "encode"),
    ("encode", "augment"),
    ("augment", "finetune"),
    ("finetune", "evaluate"),
    ("train", "finetune"),
    ("data", "finetune"),
    ("data", "evaluate"),
)


def _generations(read: ArmsRead) -> Figure | None:
    if not read.generations:
        return None
    stages = [read.test[BASELINE], *read.generations]
    names = [name for name in _GENERATION_FIGURES if all(name in found.metrics for stage in stages for found in stage)]
    return generations_chart(
        {FIGURES[name].title: [_triple(mean_over_seeds(stage, name)) for stage in stages] for name in names}
    )
