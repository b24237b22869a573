import pandas as pd
from PIL import Image

from lds_mlflow.reporting.ablation import Document

TABLE = Document("table1", "Arms & filters", pd.DataFrame({"arm": ["100 %"], "FID": ["4.2"]}))
FIGURE = Document("figure1", "The pipeline", None, Image.new("L", (4, 4)))


def test_a_table_is_text_in_markdown_and_escaped_in_latex() -> None:
    assert "| 100 % | 4.2 |" in TABLE.markdown()
    assert r"100 \%" in TABLE.latex()
    assert r"\label{tab:table1}" in TABLE.latex()


def test_a_figure_is_linked_to_the_file_beside_it() -> None:
    assert "(figure1.png)" in FIGURE.markdown()
    assert r"\includegraphics[width=\linewidth]{figure1.png}" in FIGURE.latex()
    assert FIGURE.png() is FIGURE.picture


def test_a_table_can_be_drawn() -> None:
    assert TABLE.png() is not None
