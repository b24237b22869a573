"""Images side by side, small ones enlarged without smoothing."""

from math import ceil

import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor
from torch.nn import functional

from lds_mlflow.values import evenly_spread

__all__ = ["image_grid", "paired_grid", "score_bands"]

_TILE_PIXELS = 64
_BORDER_PIXELS = 2
_WHITE = 255
_BAND_COLUMNS = 5


def image_grid(images_NCHW: Tensor, *, columns: int = 8) -> Image.Image:
    """Returns images, uint8 [N, C, H, W], as one picture, row by row."""
    factor = max(1, _TILE_PIXELS // images_NCHW.shape[-1])
    enlarged = images_NCHW.repeat_interleave(factor, 2).repeat_interleave(factor, 3)
    # Each image has a border above it and to its left; the whole has one below it and to its right.
    framed = functional.pad(enlarged.expand(-1, 3, -1, -1), (_BORDER_PIXELS, 0, _BORDER_PIXELS, 0), value=_WHITE)
    columns = min(columns, len(framed))
    rows = _in_whole_rows(framed, columns).unflatten(0, (-1, columns))
    grid = rows.permute(2, 0, 3, 1, 4).flatten(3, 4).flatten(1, 2)
    whole = functional.pad(grid, (0, _BORDER_PIXELS, 0, _BORDER_PIXELS), value=_WHITE)
    return Image.fromarray(whole.permute(1, 2, 0).numpy())


def paired_grid(above_NCHW: Tensor, below_NCHW: Tensor, *, columns: int = 8) -> Image.Image:
    """Returns rows of images with their counterparts right below, each uint8 [N, C, H, W]."""
    above, below = (_in_whole_rows(images_NCHW, columns).split(columns) for images_NCHW in (above_NCHW, below_NCHW))
    rows = [row for pair in zip(above, below, strict=True) for row in pair]
    return image_grid(torch.cat(rows), columns=columns)


def _in_whole_rows(images_NCHW: Tensor, columns: int) -> Tensor:
    """Returns images, uint8 [N, C, H, W], and white ones behind them that fill the last row."""
    n_blank = -len(images_NCHW) % columns
    return torch.cat([images_NCHW, images_NCHW.new_full((n_blank, *images_NCHW.shape[1:]), _WHITE)])


def score_bands(images_NCHW: Tensor, log_lds_N: Tensor, *, bands: int = 5, per_band: int = 25) -> Figure:
    """Draws images by band of score, the densest on the left (draft, figure 2).

    Args:
        images_NCHW: Images, uint8 [N, C, H, W], in falling order of score.
        log_lds_N: Their log LDS, falling.
        bands: How many equal shares of the images to show.
        per_band: Images a band, evenly spread over it.
    """
    figure = Figure(figsize=(3 * bands, 3.2 * ceil(per_band / _BAND_COLUMNS**2)), layout="constrained")
    for number, axes in enumerate(figure.subplots(1, bands, squeeze=False).flat):
        low, high = number * len(images_NCHW) // bands, (number + 1) * len(images_NCHW) // bands
        axes.axis("off")
        if low == high:
            continue
        rows = low + evenly_spread(high - low, per_band)
        axes.imshow(image_grid(images_NCHW[rows], columns=_BAND_COLUMNS))
        share = f"{100 * number // bands}-{100 * (number + 1) // bands} %"
        axes.set_title(f"{share} of the candidates\nlog LDS {log_lds_N[low]:.1f} to {log_lds_N[high - 1]:.1f}")
    figure.suptitle("Decoded candidates by latent density score, densest on the left")
    return figure
