"""Images side by side, small ones enlarged without smoothing."""

from math import ceil

import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor
from torchvision.utils import make_grid

from lds_mlflow.values import evenly_spread

__all__ = ["image_grid", "paired_grid", "score_bands"]

_TILE_PIXELS = 64
_BAND_COLUMNS = 5


def image_grid(images_NCHW: Tensor, *, columns: int = 8) -> Image.Image:
    """Returns images, uint8 [N, C, H, W], as one picture, row by row."""
    factor = max(1, _TILE_PIXELS // images_NCHW.shape[-1])
    enlarged = images_NCHW.repeat_interleave(factor, 2).repeat_interleave(factor, 3)
    grid = make_grid(enlarged, nrow=columns, padding=2, pad_value=255)
    return Image.fromarray(grid.permute(1, 2, 0).numpy())


def paired_grid(above_NCHW: Tensor, below_NCHW: Tensor, *, columns: int = 8) -> Image.Image:
    """Returns rows of images with their counterparts right below, each uint8 [N, C, H, W]."""
    n_blank = -len(above_NCHW) % columns
    blank = torch.full((n_blank, *above_NCHW.shape[1:]), 255, dtype=torch.uint8)
    above, below = (torch.cat([images, blank]).split(columns) for images in (above_NCHW, below_NCHW))
    rows = [row for pair in zip(above, below, strict=True) for row in pair]
    return image_grid(torch.cat(rows), columns=columns)


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
