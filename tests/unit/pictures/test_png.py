from io import BytesIO

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from lds_mlflow.pictures.png import png_of


def _figure() -> Figure:
    figure = Figure(figsize=(4, 3), layout="constrained")
    axes = figure.subplots()
    axes.plot([1, 2, 4])
    axes.set_ylabel("a label that the layout makes room for\nin two lines")
    figure.suptitle("a title")
    return figure


def test_a_figure_is_drawn_as_matplotlib_saves_it() -> None:
    saved = BytesIO()
    _figure().savefig(saved, format="png")
    ours, theirs = (np.asarray(Image.open(BytesIO(content))) for content in (png_of(_figure()), saved.getvalue()))
    assert ours.std() > 10
    assert np.array_equal(ours, theirs)


def test_an_image_keeps_its_pixels() -> None:
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    assert np.array_equal(np.asarray(Image.open(BytesIO(png_of(Image.fromarray(pixels))))), pixels)
