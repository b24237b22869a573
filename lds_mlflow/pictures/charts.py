"""Charts of what was measured. Each has one message, its axes have units, and a control is grey."""

from collections.abc import Mapping, Sequence
from math import ceil, isfinite, log

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

__all__ = [
    "BLUE",
    "GREY",
    "ORANGE",
    "REAL_EXAMPLES",
    "Curves",
    "Interval",
    "alpha_chart",
    "census_chart",
    "comparison_chart",
    "curves_chart",
    "figure_of_panels",
    "funnel_chart",
    "score_chart",
]

BLUE, ORANGE, GREY = "#2b6cb0", "#dd6b20", "#a0aec0"
_BINS = 60
_NARROWEST = 1e-3
_PANELS_IN_A_ROW = 3

REAL_EXAMPLES = "real examples"
"""What every table and chart calls the real examples that models are held against."""

Curves = Sequence[tuple[int, Mapping[str, float]]]
"""Steps of a training, each with figures by name."""

Interval = tuple[float, float, float]
"""A figure with the low and the high end of its interval, which are nan where it has none."""


def figure_of_panels(n: int) -> tuple[Figure, list[Axes]]:
    """Returns a figure with n panels, at most three in a row, and their axes."""
    columns = min(n, _PANELS_IN_A_ROW)
    rows = ceil(n / columns)
    figure = Figure(figsize=(4 * columns, 3 * rows), layout="constrained")
    return figure, [figure.add_subplot(rows, columns, place) for place in range(1, n + 1)]


def curves_chart(history: Curves, labels: Mapping[str, str], title: str) -> Figure:
    """Draws figures over training steps.

    Args:
        history: Steps with figures by name; not each step has all.
        labels: Which figures to draw, with the label of each one's axis.
        title: Title of the whole figure.
    """
    figure, panels = figure_of_panels(len(labels))
    for axes, (name, label) in zip(panels, labels.items(), strict=True):
        points = [(step, figures[name]) for step, figures in history if name in figures]
        axes.plot(*zip(*points, strict=True), color=BLUE, linewidth=1)
        axes.set(xlabel="training step", ylabel=label)
        axes.grid(alpha=0.3)
    figure.suptitle(title)
    return figure


def score_chart(log_lds_M: Tensor, kept_A: Tensor, *, log_tau: float | None, is_bounded: bool = True) -> Figure:
    """Draws the distribution of scores, of all candidates and of the kept ones.

    Args:
        log_lds_M: log LDS of all candidates.
        kept_A: Rows of the kept ones.
        log_tau: The threshold to mark, or None.
        is_bounded: Whether sigma is norm/5, under which a centred Gaussian can't exceed a bound, which is marked.
    """
    scores = log_lds_M.numpy()
    low, width = scores.min(), max(np.ptp(scores), _NARROWEST)
    edges = np.linspace(low, low + width, _BINS + 1).tolist()
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    axes.hist(scores, bins=edges, color=GREY, label=f"{len(scores):,} candidates")
    axes.hist(scores[kept_A.numpy()], bins=edges, color=BLUE, label=f"{len(kept_A):,} kept")
    if log_tau is not None:
        axes.axvline(log_tau, color=ORANGE, label=f"log tau = {log_tau:.2f}")
    if is_bounded:
        axes.axvline(-0.5 * log(26), color="black", linestyle=":", label="bound for centred Gaussian latents, norm/5")
    axes.set(xlabel="log LDS", ylabel="candidates", title="Latent density score of the candidates")
    figure.legend(loc="outside lower center", ncols=2, fontsize=8)
    return figure


def alpha_chart(alpha_M: Tensor, kept_A: Tensor) -> Figure:
    """Draws how often each interpolation weight occurs among the kept candidates, beside all of them."""
    tenths = np.arange(1, 10)
    figure = Figure(figsize=(5, 3.2), layout="constrained")
    axes = figure.subplots()
    for rows, color, label, shift in (
        (slice(None), GREY, "candidates", -0.2),
        (kept_A, BLUE, "kept", 0.2),
    ):
        counts = np.bincount((alpha_M[rows] * 10).round().long().numpy(), minlength=11)[1:10]
        axes.bar(tenths / 10 + shift / 10, counts / max(counts.sum(), 1), width=0.04, color=color, label=label)
    axes.set(xlabel="alpha (0.1 and 0.9 lie next to a parent)", ylabel="share", xticks=tenths / 10)
    axes.set_title("Where between its parents a candidate lies")
    figure.legend(loc="outside lower center", ncols=2, fontsize=8)
    return figure


def funnel_chart(funnel: Mapping[str, int], rule: str) -> Figure:
    """Draws how many candidates pass each stage of the selection, by the stages' names, first to last."""
    names, counts = list(funnel), list(funnel.values())
    figure = Figure(figsize=(6, 2.4), layout="constrained")
    axes = figure.subplots()
    bars = axes.barh(names, counts, color=[GREY] * (len(names) - 1) + [BLUE])
    axes.bar_label(bars, [f"{count:,}" for count in counts], padding=3)
    axes.invert_yaxis()
    axes.set_xlim(right=1.15 * max(counts))
    axes.set_title(f"Selection: {rule}", fontsize=10)
    return figure


def census_chart(counts_B: Tensor, edges_B1: Tensor) -> Figure:
    """Draws the distribution of the scores of all interpolants there are.

    Args:
        counts_B: How many scored in each bin, int64 [B].
        edges_B1: The bins' edges, rising, [B + 1].
    """
    filled = counts_B.nonzero().flatten()
    shown = slice(int(filled[0]), int(filled[-1]) + 1)
    edges = edges_B1[shown.start : shown.stop + 1].numpy()
    figure = Figure(figsize=(7, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.stairs(counts_B[shown].numpy(), edges, fill=True, color=GREY)
    axes.set(xlabel="log LDS", ylabel="interpolants", title=f"All {int(counts_B.sum()):,} interpolants")
    return figure


def comparison_chart(
    rows: Mapping[str, Mapping[str, float]],
    names: Mapping[str, str],
    intervals: Mapping[str, Mapping[str, tuple[float, float]]],
) -> Figure:
    """Draws models side by side.

    Args:
        rows: Figures by name, by model; REAL_EXAMPLES is drawn as the floor.
        names: Which figures to draw, with the title of each.
        intervals: 95 % intervals by name, by model; a model may lack them.
    """
    figure = Figure(figsize=(1.6 + 3.2 * len(names), 3), layout="constrained")
    models = list(rows)
    colors = [GREY if model == REAL_EXAMPLES else BLUE for model in models]
    panels = figure.subplots(1, len(names), squeeze=False, sharey=True).flat
    for axes, (name, title) in zip(panels, names.items(), strict=True):
        values = [rows[model][name] for model in models]
        ends = [intervals.get(model, {}).get(name, (value, value)) for model, value in zip(models, values, strict=True)]
        lows, highs = ([ends_of[side] for ends_of in ends] for side in (0, 1))
        tops = [max(value, high) for value, high in zip(values, highs, strict=True)]
        axes.barh(models, values, color=colors)
        axes.hlines(models, lows, highs, color="black", linewidth=1)
        for model, value, top in zip(models, values, tops, strict=True):
            axes.annotate(f"{value:.3g}", (top, model), (4, 0), textcoords="offset points", va="center", fontsize=8)
        axes.set_xlim(0, 1.3 * max([top for top in tops if isfinite(top)], default=1) or 1)
        axes.set_title(title, fontsize=10)
    axes.invert_yaxis()
    return figure
