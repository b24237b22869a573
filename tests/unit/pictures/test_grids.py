import io

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from lds_mlflow.pictures import image_grid, paired_grid, score_bands

TILE, EDGE = 64, 2
"""A picture's side when it is shown, and the border between two, in pixels."""


def _shades(*shades: int, side: int = 8, channels: int = 1) -> Tensor:
    """One even picture a shade."""
    return torch.tensor(shades, dtype=torch.uint8)[:, None, None, None].expand(-1, channels, side, side)


def _shown(grid: Image.Image, row: int, column: int) -> int:
    """The shade in the middle of a place of the grid."""
    step = TILE + EDGE
    pixel = np.asarray(grid)[EDGE + row * step + TILE // 2, EDGE + column * step + TILE // 2]
    return int(pixel[0])


def _rendered(figure: Figure) -> Image.Image:
    buffer = io.BytesIO()
    figure.savefig(buffer)
    return Image.open(buffer)


def test_images_are_laid_out_row_by_row() -> None:
    grid = image_grid(_shades(10, 20, 30, 40), columns=2)
    shown = [_shown(grid, row, column) for row in range(2) for column in range(2)]
    assert shown == [10, 20, 30, 40]


@pytest.mark.parametrize(("n", "columns", "rows"), [(8, 8, 1), (9, 8, 2), (6, 3, 2)])
def test_a_grid_is_as_large_as_its_rows_and_columns(n: int, columns: int, rows: int) -> None:
    width, height = image_grid(_shades(*range(n)), columns=columns).size
    assert (width, height) == (columns * (TILE + EDGE) + EDGE, rows * (TILE + EDGE) + EDGE)


def test_fewer_images_than_a_row_give_a_narrower_grid() -> None:
    grid = image_grid(_shades(10, 20, 30), columns=8)
    assert [_shown(grid, 0, column) for column in range(3)] == [10, 20, 30]
    assert grid.height == TILE + 2 * EDGE


def test_a_single_image_is_a_grid_too() -> None:
    grid = image_grid(_shades(10))
    assert min(grid.size) >= TILE
    assert np.asarray(grid)[32, 32].tolist() == [10, 10, 10]


@pytest.mark.parametrize(("side", "shown"), [(8, 64), (32, 64), (64, 64), (48, 48), (128, 128)])
def test_small_images_are_enlarged_and_large_ones_are_kept(side: int, shown: int) -> None:
    assert image_grid(_shades(1, 2, side=side)).height == shown + 2 * EDGE


def test_enlarging_does_not_smooth() -> None:
    image = torch.randint(256, (1, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    shown = np.asarray(image_grid(image.repeat(2, 1, 1, 1)))[EDGE : EDGE + TILE, EDGE : EDGE + TILE, 0]
    assert np.array_equal(shown, np.kron(image[0, 0].numpy(), np.ones((8, 8), dtype=np.uint8)))


@pytest.mark.parametrize("channels", [1, 3])
def test_a_grid_is_an_rgb_picture_of_bytes(channels: int) -> None:
    grid = image_grid(_shades(0, 255, channels=channels))
    assert grid.mode == "RGB"
    assert np.asarray(grid).dtype == np.uint8


def test_colours_keep_their_channels() -> None:
    red = torch.zeros(2, 3, 8, 8, dtype=torch.uint8)
    red[:, 0] = 200
    assert np.asarray(image_grid(red))[32, 32].tolist() == [200, 0, 0]


@pytest.mark.parametrize("n", [1, 3, 4, 6, 8])
def test_a_counterpart_stands_right_below_its_image(n: int) -> None:
    columns = 4
    grid = paired_grid(_shades(*range(10, 10 + n)), _shades(*range(110, 110 + n)), columns=columns)
    for number in range(n):
        row, column = 2 * (number // columns), number % columns
        assert _shown(grid, row, column) == 10 + number
        assert _shown(grid, row + 1, column) == 110 + number


@pytest.mark.parametrize("n", [1, 4, 7])
def test_score_bands_render_with_few_images_and_with_many(n: int) -> None:
    figure = score_bands(_shades(*range(n)), -torch.arange(n, dtype=torch.float64), bands=5, per_band=4)
    assert len(figure.axes) == 5
    assert sum(bool(axes.images) for axes in figure.axes) == min(n, 5)
    assert _rendered(figure).size == (1500, 320)


def test_the_densest_band_is_on_the_left() -> None:
    figure = score_bands(_shades(*range(10)), torch.arange(0.0, -10.0, -1.0), bands=2)
    assert [axes.get_title().splitlines()[1] for axes in figure.axes] == [
        "log LDS 0.0 to -4.0",
        "log LDS -5.0 to -9.0",
    ]
    assert figure.axes[0].get_title().startswith("0-50 %")


def test_a_band_shows_its_first_and_last_image_and_some_between() -> None:
    figure = score_bands(_shades(*range(0, 200, 2)), torch.zeros(100), bands=1, per_band=3)
    drawn = figure.axes[0].images[0].get_array()
    assert drawn is not None
    assert {0, 198} < set(np.unique(drawn[EDGE:-EDGE, EDGE : EDGE + 3 * (TILE + EDGE)]).tolist())
