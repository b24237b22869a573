"""Pictures of an ablation: a table, the pipeline as it ran, and figures over generations."""

from collections.abc import Mapping, Sequence
from textwrap import fill

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.transforms import Bbox

from lds_mlflow.pictures.charts import BLUE, GREY, Interval

__all__ = ["generations_chart", "pipeline_chart", "table_picture"]

_CELL, _CHARACTER_INCHES, _LINE_INCHES, _PAD_INCHES = 30, 0.075, 0.19, 0.14
_BOX_WIDTH, _BOX_HEIGHT = 0.86, 0.62


def table_picture(table: pd.DataFrame, title: str) -> Figure:
    """Draws a table without its index; long cells are wrapped."""
    cells = [[fill(str(value), _CELL) for value in row] for row in table.to_numpy().tolist()]
    header = [fill(str(name), _CELL) for name in table.columns]
    rows = [header, *cells]
    widths = [max(len(line) for row in rows for line in row[i].split("\n")) for i in range(len(header))]
    heights = [max(cell.count("\n") + 1 for cell in row) * _LINE_INCHES + _PAD_INCHES for row in rows]
    width = sum(widths) * _CHARACTER_INCHES + 0.25 * len(widths)
    figure = Figure(figsize=(max(4.0, width), sum(heights) + 0.6))
    axes = figure.add_axes((0.01, 0.01, 0.98, 1 - 0.5 / (sum(heights) + 0.6)))
    axes.set_axis_off()
    drawn = axes.table(
        cellText=cells,
        colLabels=header,
        colWidths=[w / sum(widths) for w in widths],
        cellLoc="left",
        colLoc="left",
        bbox=Bbox.unit(),
        edges="horizontal",
    )
    drawn.auto_set_font_size(False)
    drawn.set_fontsize(8)
    for (row, _), cell in drawn.get_celld().items():
        cell.set_height(heights[row] / sum(heights))
        if row == 0:
            cell.get_text().set_fontweight("bold")
    figure.suptitle(title, x=0.02, ha="left", fontsize=10)
    return figure


def pipeline_chart(nodes: Mapping[str, str], edges: Sequence[tuple[str, str]], title: str) -> Figure:
    """Draws steps as boxes from left to right, with arrows (draft, figure 1).

    Args:
        nodes: What stands in each box, by the name of its step, in the order in which they ran.
        edges: Pairs of steps, from the one that is read to the one that reads.
        title: Title of the whole figure.
    """
    figure = Figure(figsize=(2.1 * len(nodes), 2.9), layout="constrained")
    axes = figure.subplots()
    axes.set(xlim=(-0.6, len(nodes) - 0.4), ylim=(-0.9, 0.75), title=title)
    axes.set_axis_off()
    place = {name: x for x, name in enumerate(nodes)}
    for name, text in nodes.items():
        corner = (place[name] - _BOX_WIDTH / 2, -_BOX_HEIGHT / 2)
        axes.add_patch(
            FancyBboxPatch(
                corner, _BOX_WIDTH, _BOX_HEIGHT, boxstyle="round,pad=0.02", facecolor="white", edgecolor=BLUE
            )
        )
        axes.text(place[name], 0.17, name, ha="center", va="center", fontsize=11, weight="bold")
        axes.text(place[name], -0.1, fill(text, 20), ha="center", va="center", fontsize=7.5)
    for one, other in edges:
        distance = place[other] - place[one]
        near = distance == 1
        start = (place[one] + _BOX_WIDTH / 2 + 0.02, 0) if near else (place[one], -_BOX_HEIGHT / 2 - 0.03)
        end = (place[other] - _BOX_WIDTH / 2 - 0.02, 0) if near else (place[other], -_BOX_HEIGHT / 2 - 0.03)
        bend = "arc3" if near else f"arc3,rad={0.5 / distance:.3f}"
        arrow = FancyArrowPatch(start, end, connectionstyle=bend, arrowstyle="-|>", mutation_scale=11, color=GREY)
        axes.add_patch(arrow)
    return figure


def generations_chart(rows: Mapping[str, Sequence[Interval]]) -> Figure:
    """Draws figures by generation of finetuning on one's own samples.

    Args:
        rows: By the name of a figure, its mean and interval of each generation, from 0 on.
    """
    figure = Figure(figsize=(3.0 * len(rows), 3.0), layout="constrained")
    for axes, (name, intervals) in zip(figure.subplots(1, len(rows), squeeze=False).flat, rows.items(), strict=True):
        values = [value for value, _, _ in intervals]
        errors = [[value - low for value, low, _ in intervals], [high - value for value, _, high in intervals]]
        axes.errorbar(range(len(values)), values, errors, fmt="o-", color=BLUE, capsize=3)
        axes.set(title=name, xlabel="generation", xticks=range(len(values)))
        axes.grid(alpha=0.3)
    return figure
