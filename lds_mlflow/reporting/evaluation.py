"""What a person reads of an evaluation."""

from collections.abc import Mapping

import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import Tensor

from lds_mlflow.choices.bandwidths import DRAFTS_BANDWIDTH
from lds_mlflow.choices.figures import COPIES, FIGURES, RECONSTRUCTED, figure_named
from lds_mlflow.domains import domain_of, files_beside
from lds_mlflow.errors import DataError
from lds_mlflow.latent import bandwidth, log_density
from lds_mlflow.metrics import Deciles, SampleMeasurements, copy_limits, quality_by_decile
from lds_mlflow.metrics.evaluation import DISTANCE_TO_HELD_OUT
from lds_mlflow.pictures import (
    REAL_EXAMPLES,
    corrected_share_chart,
    decile_chart,
    infinity_chart,
    tradeoff_chart,
)
from lds_mlflow.pictures.report import Report
from lds_mlflow.values import Evaluation, ExampleSet

__all__ = ["DENSITY_CAVEAT", "deciles_of_samples", "figures_table", "report_of"]

_SHOWN = 64
_QUALITY_TITLES = {DISTANCE_TO_HELD_OUT: "distance to the nearest held-out example (lower is better)"}
_FLOORS = (
    "The column of real examples has the same figure of training examples in place of samples; for memorization, that "
    "of the part select."
)
DENSITY_CAVEAT = "Density rises where samples crowd, so read it beside Coverage."
"""The caption of every chart of Density and Coverage."""


def deciles_of_samples(z_SD: Tensor, z_ND: Tensor, measured: SampleMeasurements) -> dict[str, Deciles]:
    """Returns the qualities of samples by decile of their log LDS (draft, figure 2).

    Where there are too few samples for that, or their scores are not finite, there are none.

    Args:
        z_SD: Latents of the samples.
        z_ND: Posterior means of the training examples.
        measured: The samples' evaluation.
    """
    scores = log_density(z_SD, z_ND, sigma=bandwidth(z_ND, DRAFTS_BANDWIDTH).sigma)
    try:
        return {name: quality_by_decile(scores, quality) for name, quality in measured.quality_S.items()}
    except DataError:
        return {}


def figures_table(evaluation: Evaluation) -> pd.DataFrame:
    """Returns the figures in words, one in each row."""
    rows = [
        (
            figure.title,
            _number(evaluation.metrics[name]),
            _range(evaluation.intervals.get(name)),
            _number(evaluation.metrics.get(f"floor_{name}")),
            "" if figure.better == "neither" else figure.better,
            figure.says,
        )
        for name, figure in {name: figure_named(name) for name in (*FIGURES, *evaluation.by_real)}.items()
        if name in evaluation.metrics
    ]
    return pd.DataFrame(rows, columns=["figure", "samples", "95 % interval", REAL_EXAMPLES, "better", "what it says"])


def _reconstructions(evaluation: Evaluation) -> str:
    """Returns how near the model's reconstructions of held-out examples are, in words, or "" where it has none."""
    names = {name: f"{RECONSTRUCTED}{name}" for name in COPIES}
    if not set(names.values()) <= evaluation.metrics.keys():
        return ""
    figures = " and ".join(f"{FIGURES[name].title} {evaluation.metrics[of]:.3g}" for name, of in names.items())
    limits = copy_limits(evaluation.metrics)
    return (
        f"The model's reconstructions of the same held-out examples, which are no copies, have {figures}. Samples are "
        f"taken for copies below a ratio of {limits.least_nearest_ratio:.3g}, or clearly above a tail share of "
        f"{limits.most_tail_share:.3g}."
    )


def report_of(
    measured: SampleMeasurements,
    samples_S: Tensor,
    train: ExampleSet,
    deciles: dict[str, Deciles],
    *,
    title: str,
    sentence: str,
) -> Report:
    """Returns what a person reads of an evaluation.

    Args:
        measured: The evaluation.
        samples_S: The samples that were evaluated, as examples are stored, [S, ...].
        train: The training examples.
        deciles: Qualities by decile of log LDS, by name.
        title: The title of the report.
        sentence: The result in a sentence.
    """
    evaluation, report, domain = measured.evaluation, Report(title), domain_of(train.domain)
    report.paragraph(sentence + ".")
    report.paragraph(
        f"{evaluation.n_samples:,} samples (seeds {evaluation.first_seed} and on) against as many examples of the part "
        f"{evaluation.part}, by the features of {evaluation.extractor} (resize: {evaluation.resize}). Figures of "
        "another extractor, another number of samples or other held-out examples can't be compared with these."
    )
    report.table(figures_table(evaluation), _FLOORS)
    if near := _reconstructions(evaluation):
        report.paragraph(near)
    for caption, table in measured.tables.items():
        report.table(table, caption)
    for note in measured.notes:
        report.paragraph(note)
    report.heading("Samples")
    real = measured.held_out.spread(_SHOWN).examples_N
    for name, caption, shown in (
        ("samples", "Samples of consecutive seeds.", samples_S[:_SHOWN]),
        (f"real_{evaluation.part}", "Held-out examples.", real),
    ):
        report.picture(f"pictures/{name}.png", domain.grid(shown), caption)
        report.files(files_beside(domain, f"pictures/{name}.png", {"": shown}), caption)
    _add_neighbours(report, measured, samples_S, train)
    report.heading("Fidelity against variety")
    report.picture("pictures/tradeoff.png", _tradeoff(evaluation), DENSITY_CAVEAT)
    if measured.extrapolation:
        line = measured.extrapolation
        chart = infinity_chart(line.sizes, line.distances, line.value, line.slope)
        report.picture(
            "pictures/fid_by_samples.png", chart, "How much of the Frechet distance is due to the number of examples."
        )
    _add_balance(report, measured)
    if deciles:
        _add_deciles(
            report, deciles, _QUALITY_TITLES | {name: quality.title for name, quality in domain.qualities.items()}
        )
    else:
        report.paragraph("Quality by latent density is not measured: it takes 20 samples with finite latents.")
    return report


def _add_neighbours(report: Report, measured: SampleMeasurements, samples_S: Tensor, train: ExampleSet) -> None:
    nearest, domain = train.examples_N[measured.nearest_train_S], domain_of(train.domain)
    shown, name = slice(_SHOWN), "pictures/nearest_training.png"
    caption = "Samples, and right below each the training example that is nearest to it in feature space."
    report.picture(name, domain.pairs(samples_S[shown], nearest[shown]), caption)
    groups = {"sample": samples_S[shown], "nearest_training": nearest[shown]}
    report.files(files_beside(domain, name, groups), caption)
    closest = torch.argsort(measured.closeness_S)[shown]
    report.picture(
        "pictures/closest_pairs.png",
        domain.pairs(samples_S[closest], nearest[closest]),
        "The same of the samples that are likeliest to be copies. They are the nearest to a training example, in "
        "relation to the distance from that example to its own nearest other. Of "
        f"{len(nearest):,} samples {int((measured.closeness_S <= 1).sum()):,} are no farther from it than that.",
    )


def _add_balance(report: Report, measured: SampleMeasurements) -> None:
    balance, metrics = measured.balance, measured.evaluation.metrics
    if balance is None:
        return
    report.heading("Balance of the classes")
    report.paragraph(
        "Samples have no labels, so the classifier gives each of them one. It is right for "
        f"{metrics['classifier_accuracy']:.1%} of the examples that it wasn't trained on"
        + (", and the shares are corrected for its confusion." if balance.corrected else ".")
    )
    found = balance.corrected
    corrected = (
        list(zip(found.shares_K.tolist(), found.low_K.tolist(), found.high_K.tolist(), strict=True))
        if found
        else [(float("nan"),) * 3 for _ in balance.names_K]
    )
    training = balance.training_K.tolist()
    chart = corrected_share_chart(balance.names_K, balance.observed_K, corrected, training)
    report.picture("pictures/class_shares.png", chart, "Share of each class, with 95 % intervals.")
    rows = [
        (
            name,
            f"{training[i]:.3f}",
            f"{seen:.3f} ({low:.3f} to {high:.3f})",
            f"{corrected[i][0]:.3f} ({corrected[i][1]:.3f} to {corrected[i][2]:.3f})" if found else "",
            _number(metrics.get(f"class_fid/{name}")),
            _number(metrics.get(f"floor_class_fid/{name}")),
            _number(metrics.get(f"class_fid_examples/{name}")),
        )
        for i, (name, (seen, low, high)) in enumerate(zip(balance.names_K, balance.observed_K, strict=True))
    ]
    columns = [
        "class",
        "training part",
        "samples, as seen",
        "samples, corrected",
        "FID of the class",
        f"FID of {REAL_EXAMPLES}",
        "examples of each",
    ]
    report.table(
        pd.DataFrame(rows, columns=columns),
        "Shares have 95 % intervals. Compare the FID of a class only with that of real examples of the class.",
    )


def _add_deciles(report: Report, deciles: dict[str, Deciles], titles: Mapping[str, str]) -> None:
    report.heading("Quality by latent density")
    found = "; ".join(f"{titles[name]}: {decile}" for name, decile in deciles.items())
    report.paragraph(
        "The draft's figure 2 shows that samples of a high latent density score look better. The rank correlation of "
        f"log LDS with a sample's quality measures that (with a 95 % interval): {found}."
    )
    panels = {f"{titles[name]}\n{decile}": decile.means for name, decile in deciles.items()}
    chart = decile_chart(next(iter(deciles.values())).edges, panels, "Quality of the samples by latent density score")
    report.picture("pictures/quality_by_lds.png", chart, "Mean quality of the samples in each tenth by log LDS.")


def _tradeoff(evaluation: Evaluation) -> Figure:
    metrics = evaluation.metrics
    points = [(metrics[name], *evaluation.intervals[name]) for name in ("density", "coverage")]
    return tradeoff_chart({"samples": (points[0], points[1])}, (metrics["floor_density"], metrics["floor_coverage"]))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _range(pair: tuple[float, float] | None) -> str:
    return "" if pair is None else f"{pair[0]:.4g} to {pair[1]:.4g}"
