"""What benchmarks.recipes shows of its figures: tables, headlines, and pictures side by side."""

from collections.abc import Mapping, Sequence
from statistics import fmean

import torch
from PIL import Image
from torch import Tensor

from lds_mlflow.choices.bandwidths import CALIBRATED, DRAFTS_BANDWIDTH
from lds_mlflow.choices.figures import COPIES, FIGURES, SUMMARY
from lds_mlflow.choices.samplers import PRIOR
from lds_mlflow.config import EvaluateConfig
from lds_mlflow.metrics import mean_of_values
from lds_mlflow.pictures import image_grid

__all__ = ["COLUMNS", "DEFAULT", "DENSITY", "Rows", "cell", "headlines", "side_by_side", "table", "values_of"]

DENSITY = "density, {}, {}"
"""The name of a row of the latent density, by its kernel and its bandwidth."""

DEFAULT, DRAFTS = (DENSITY.format(EvaluateConfig().sampler_kernel, sigma) for sigma in (CALIBRATED, DRAFTS_BANDWIDTH))
COLUMNS = {name: FIGURES[name].title for name in SUMMARY} | {"sigma": "sigma"}

Rows = dict[str, dict[str, float]]
"""Figures by name, of everything that is measured by its name."""


def table(seeds: Sequence[Rows]) -> str:
    """Returns the figures of some seeds as a table in Markdown, with differences of the default sampler at its end."""
    differences = {
        f"difference: {DEFAULT} - {other}": [
            {name: rows[DEFAULT][name] - rows[other][name] for name in SUMMARY} for rows in seeds
        ]
        for other in (PRIOR, DRAFTS)
    }
    lines = [
        [row, *(cell(values_of(found, name)) for name in COLUMNS)]
        for row, found in ({name: [rows[name] for rows in seeds] for name in seeds[0]} | differences).items()
    ]
    head = ["", *COLUMNS.values()]
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *lines))


def cell(values: Sequence[float]) -> str:
    """Returns the mean of values, one a seed, with its 95 % interval where they differ; "" for none."""
    if len(set(values)) < 2:
        return "".join(map(_short, values[:1]))
    mean = mean_of_values(values)
    return f"{_short(mean.value)} ({_short(mean.low)} to {_short(mean.high)})"


def _short(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def values_of(seeds: Sequence[Mapping[str, float]], name: str) -> list[float]:
    """Returns a figure of the seeds that have it."""
    return [found[name] for found in seeds if name in found]


def headlines(seeds: Sequence[Rows]) -> dict[str, float]:
    """Returns the figures of the default sampler, means over the seeds, and its FID over others'."""

    def mean(row: str, figure: str) -> float:
        return fmean(rows[row][figure] for rows in seeds)

    found = {
        "fid_default_over_prior": mean(DEFAULT, "fid") / mean(PRIOR, "fid"),
        "fid_calibrated_over_norm5": mean(DEFAULT, "fid") / mean(DRAFTS, "fid"),
        **{figure: mean(DEFAULT, figure) for figure in ("coverage", *COPIES)},
    }
    return {name: round(value, 4) for name, value in found.items()}


def side_by_side(*sets: Tensor, columns: int = 8) -> Image.Image:
    """Returns the first images of several sets, each uint8 [N, C, H, W], as squares of images from left to right."""
    rows = min(columns, *(len(images) // columns for images in sets))
    squares = [images[: rows * columns].unflatten(0, (rows, columns)) for images in sets]
    white = torch.full_like(squares[0][:, :1], 255)
    pieces = [piece for square in squares for piece in (square, white)][:-1]
    return image_grid(torch.cat(pieces, 1).flatten(0, 1), columns=len(sets) * (columns + 1) - 1)
