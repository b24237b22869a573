"""A table or a figure of the paper, as Markdown, LaTeX and PNG."""

from typing import NamedTuple

import pandas as pd

from lds_mlflow.pictures import table_picture
from lds_mlflow.pictures.png import Picture
from lds_mlflow.pictures.report import Report

__all__ = ["Document"]


class Document(NamedTuple):
    """A table or a figure of the paper.

    Attributes:
        name: The name of its files, without their endings.
        title: What it shows.
        table: The content of a table; None for a figure.
        picture: The content of a figure; None for a table.
    """

    name: str
    title: str
    table: pd.DataFrame | None = None
    picture: Picture | None = None

    def markdown(self) -> str:
        """Returns the document as Markdown, which links to the PNG beside it."""
        report = Report(self.title)
        if self.table is not None:
            report.table(self.table, self.title)
        else:
            report.picture_at(f"{self.name}.png", self.title)
        return report.markdown()

    def latex(self) -> str:
        """Returns the document as LaTeX; a table needs the package booktabs, a figure graphicx."""
        if self.table is not None:
            return str(self.table.to_latex(index=False, escape=True, caption=self.title, label=f"tab:{self.name}"))
        caption = f"\\caption{{{self.title}}}\n\\label{{fig:{self.name}}}"
        return (
            f"\\begin{{figure}}\n\\includegraphics[width=\\linewidth]{{{self.name}.png}}\n{caption}\n\\end{{figure}}\n"
        )

    def png(self) -> Picture:
        """Returns the document as a picture."""
        if self.table is not None:
            return table_picture(self.table, self.title)
        assert self.picture is not None
        return self.picture
