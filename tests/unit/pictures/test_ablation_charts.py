import io

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from PIL import Image

from lds_mlflow.pictures import generations_chart, pipeline_chart, table_picture


def _texts(figure: Figure) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    assert np.asarray(Image.open(buffer)).std() > 0
    axes = figure.axes[0]
    cells = [cell.get_text().get_text() for table in axes.tables for cell in table.get_celld().values()]
    return " ".join([*cells, *(text.get_text() for text in axes.texts)]).replace("\n", " ")


def test_a_table_shows_every_cell_and_column() -> None:
    table = pd.DataFrame({"arm": ["control", "A: random interpolants of a long name"], "FID": ["2.3 (2 to 2.6)", ""]})
    texts = _texts(table_picture(table, "Table 1"))
    for word in ("arm", "FID", "control", "A: random interpolants of a long name", "2.3 (2 to 2.6)"):
        assert word in texts


def test_a_longer_table_is_taller() -> None:
    short, long = (table_picture(pd.DataFrame({"arm": ["one"] * n}), "") for n in (2, 20))
    assert long.get_size_inches()[1] > 2 * short.get_size_inches()[1]


def test_the_pipeline_has_a_box_a_step_and_an_arrow_an_edge() -> None:
    figure = pipeline_chart({"data": "720 images", "train": "run 12ab"}, [("data", "train")], "The pipeline")
    axes = figure.axes[0]
    assert sum(isinstance(patch, FancyBboxPatch) for patch in axes.patches) == 2
    assert sum(isinstance(patch, FancyArrowPatch) for patch in axes.patches) == 1
    texts = _texts(figure)
    assert "720 images" in texts
    assert "run 12ab" in texts


def test_generations_are_drawn_from_0_on_one_panel_a_figure() -> None:
    figure = generations_chart({"FID": [(1, 0.5, 1.5), (2, 1.5, 2.5)], "Coverage": [(0.9, 0.8, 1), (0.7, 0.6, 0.8)]})
    assert [axes.get_title() for axes in figure.axes] == ["FID", "Coverage"]
    assert list(figure.axes[0].get_xticks()) == [0, 1]
