"""Charts of an evaluation. Each has one message, its axes have units, and references are grey."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from math import ceil
from textwrap import fill

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import PercentFormatter

from lds_mlflow.pictures.charts import BLUE, GREY, ORANGE, REAL_EXAMPLES, Interval, figure_of_panels

__all__ = [
    "calibration_chart",
    "corrected_share_chart",
    "decile_chart",
    "difference_chart",
    "infinity_chart",
    "tradeoff_chart",
]

_MODEL_COLORS = (BLUE, ORANGE, "#2f855a", "#6b46c1", "#c53030", "#2c7a7b")
_MODEL_MARKERS = "os^DvPX"
"""As many as have no divisor in common with the colours: 42 models before two look the same."""
_VERDICT_COLORS = {"better": BLUE, "worse": ORANGE}
_NO_VERDICT_COLOR = "#718096"
_NAME_WIDTH = 34
_NAME_LINES = 2
_PANEL_COLUMNS = 3
_ROW_INCHES = 0.4


def calibration_chart(curve: Mapping[str, Sequence[float]], titles: Mapping[str, str], chosen: float) -> Figure:
    """Draws figures of samples over the multiple of the bandwidth that they were drawn with.

    Args:
        curve: Figures by name, one value for every one of the values of `multiple`.
        titles: The titles of the figures to draw, by name.
        chosen: The multiple to mark.
    """
    figure, panels = figure_of_panels(len(titles))
    multiples = curve["multiple"]
    for axes, (name, title) in zip(panels, titles.items(), strict=True):
        axes.plot(multiples, curve[name], "o-", color=BLUE, markersize=4)
        axes.plot(chosen, curve[name][multiples.index(chosen)], "D", color=ORANGE, markersize=8)
        axes.set(xlabel="multiple of the bandwidth norm/5", ylabel=title)
        axes.grid(alpha=0.3)
    figure.suptitle(f"Samples of the latent density by bandwidth: {chosen:g} times norm/5 is chosen (orange)")
    return figure


def tradeoff_chart(points: Mapping[str, tuple[Interval, Interval]], floor: tuple[float, float]) -> Figure:
    """Draws Density, how close samples are to real examples, against Coverage, how many of these they reach.

    Args:
        points: Density and Coverage, by model.
        floor: Density and Coverage of real examples.
    """
    figure = Figure(figsize=(7, max(4, _ROW_INCHES * len(points))), layout="constrained")
    axes = figure.subplots()
    axes.axvline(floor[0], color=GREY, linestyle="--", linewidth=1)
    axes.axhline(floor[1], color=GREY, linestyle="--", linewidth=1)
    axes.plot(*floor, color=GREY, marker="*", markersize=12, linestyle="none", label=REAL_EXAMPLES)
    for (name, (density, coverage)), color, marker in zip(
        points.items(), cycle(_MODEL_COLORS), cycle(_MODEL_MARKERS), strict=False
    ):
        (x, x_error), (y, y_error) = _with_errors([density]), _with_errors([coverage])
        axes.errorbar(
            x, y, y_error, x_error, fmt=marker, color=color, capsize=3, label=_wrapped(name, _NAME_WIDTH, _NAME_LINES)
        )
    axes.set(xlabel="Density", ylabel="Coverage", title="Fidelity against variety of the samples")
    axes.grid(alpha=0.3)
    figure.legend(loc="outside right upper", fontsize=8)
    return figure


def decile_chart(edges: Sequence[tuple[float, float]], panels: Mapping[str, Sequence[Interval]], title: str) -> Figure:
    """Draws the quality of samples by decile of their latent density score.

    Args:
        edges: Lowest and highest log LDS of each decile, the sparsest first.
        panels: Mean of a figure in each decile, by the title of the figure's panel.
        title: Title of the whole figure.
    """
    rows = ceil(len(panels) / _PANEL_COLUMNS)
    columns = ceil(len(panels) / rows)
    layout = ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1)
    figure = Figure(figsize=(max(3.8 * columns, 5), 3.9 * rows), layout=layout)
    places = np.arange(1, len(edges) + 1)
    ranges = [f"{place}: {low:.1f} to {high:.1f}" for place, (low, high) in zip(places, edges, strict=True)]
    for number, (name, means) in enumerate(panels.items(), start=1):
        axes = figure.add_subplot(rows, columns, number)
        axes.errorbar(places, *_with_errors(means), fmt="o", color=BLUE, markersize=4, capsize=2)
        axes.set_xticks(places, ranges, rotation=90, fontsize=7)
        axes.set_xlim(0.5, len(edges) + 0.5)
        axes.set(xlabel="decile of log LDS, sparsest to densest", ylabel="mean, with 95 % interval")
        axes.set_title("\n".join(_wrapped(line, 42) for line in name.splitlines()), fontsize=9)
        axes.grid(alpha=0.3)
    figure.suptitle(_wrapped(title, 20 * columns + 20))
    return figure


def difference_chart(rows: Sequence[tuple[str, float, float, float, str]], title: str) -> Figure:
    """Draws differences from a reference with their intervals, coloured by verdict.

    Args:
        rows: What differs, the difference, the low and the high end of its interval, and the verdict: "better", "worse"
            or another one. The three numbers are shares of the reference's figure.
        title: Title of the whole figure.
    """
    figure = Figure(figsize=(8, 1.3 + _ROW_INCHES * len(rows)), layout="constrained")
    axes = figure.subplots()
    axes.axvline(0, color="black", linewidth=1)
    for place, (_, difference, low, high, verdict) in enumerate(rows):
        color = _VERDICT_COLORS.get(verdict, _NO_VERDICT_COLOR)
        x, error = _with_errors([(difference, low, high)])
        axes.errorbar(x, [place], xerr=error, fmt="o", color=color, capsize=3)
        axes.text(1.02, place, verdict, color=color, va="center", transform=axes.get_yaxis_transform())
    _name_rows(axes, [name for name, *_ in rows])
    if not rows:
        axes.text(0.5, 0.5, "no reference value that a share could be given of", ha="center", transform=axes.transAxes)
    axes.xaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    axes.locator_params(axis="x", nbins=6)
    axes.set(xlabel="difference, as a share of the reference's figure", title=_wrapped(title, 64))
    axes.grid(axis="x", alpha=0.3)
    return figure


def corrected_share_chart(
    names: Sequence[str], observed: Sequence[Interval], corrected: Sequence[Interval], training: Sequence[float]
) -> Figure:
    """Draws the share of each class among samples beside its share of the training part.

    Args:
        names: The classes.
        observed: Their shares by the classifier's word.
        corrected: Their shares once the classifier's confusion is taken out.
        training: Their shares of the training part.
    """
    places = np.arange(len(names))
    figure = Figure(figsize=(7, 1.7 + _ROW_INCHES * len(names)), layout="constrained")
    axes = figure.subplots()
    axes.use_sticky_edges = False  # so that the point of a class that never occurs is not cut off
    axes.barh(places, training, color=GREY, alpha=0.6, label="training part")
    for shares, shift, color, label in (
        (observed, -0.17, BLUE, "samples, as the classifier sees them"),
        (corrected, 0.17, ORANGE, "samples, corrected for its confusion"),
    ):
        share, error = _with_errors(shares)
        axes.errorbar(share, places + shift, xerr=error, fmt="o", color=color, markersize=4, capsize=2, label=label)
    _name_rows(axes, names)
    axes.set(xlabel="share of the samples, with 95 % interval", title="Classes of the samples")
    figure.legend(loc="outside lower center", ncols=3, fontsize=8)
    return figure


def infinity_chart(sizes: Sequence[int], distances: Sequence[float], intercept: float, slope: float) -> Figure:
    """Draws how the Frechet distance is extrapolated from fewer and fewer samples to infinitely many.

    Args:
        sizes: How many samples.
        distances: Frechet distance for each number of samples.
        intercept: Where the line through them meets 1/n = 0.
        slope: The line's slope over 1/n.
    """
    inverse = 1 / np.array(sizes)
    ends = np.array([0, inverse.max()])
    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.plot(ends, intercept + slope * ends, color=GREY, linestyle="--", label="fitted line")
    axes.plot(inverse, distances, "o", color=BLUE, label="measured")
    axes.plot(0, intercept, "D", color=ORANGE, clip_on=False, label=f"at infinite samples: {intercept:.4g}")
    axes.set(xlabel="1 / number of samples", ylabel="Frechet distance", title="Frechet distance by number of samples")
    axes.xaxis.set_major_formatter(lambda inverse_n, _: f"1/{1 / inverse_n:,.0f}" if inverse_n > 0 else "0")
    axes.locator_params(axis="x", nbins=6)
    axes.set_xlim(0, 1.05 * ends[1])
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    return figure


def _with_errors(intervals: Sequence[Interval]) -> tuple[np.ndarray, np.ndarray]:
    # A share of nothing is infinite, and rounding may put the end of an interval on the wrong side of its figure.
    given = np.array(intervals, dtype=float)
    value, low, high = np.where(np.isfinite(given), given, np.nan).T
    return value, np.clip([value - low, high - value], 0, None)


def _name_rows(axes: Axes, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), [_wrapped(name, _NAME_WIDTH, _NAME_LINES) for name in names], fontsize=8)
    axes.set_ylim(max(len(names), 1) - 0.5, -0.5)


def _wrapped(text: str, width: int, lines: int | None = None) -> str:
    # Between two dollar signs matplotlib reads mathematics.
    return fill(text, width, max_lines=lines, placeholder=" ...").replace("$", r"\$")
