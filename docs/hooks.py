"""What the documentation site generates when it is built: the reference of commands and parameters."""

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from lds_mlflow.entry.points import ENTRY_POINTS
from lds_mlflow.entry.reference import commands_page, parameters_page
from tuning.entry import TUNE

__all__ = ["on_files"]


def on_files(files: Files, /, *, config: MkDocsConfig) -> Files:
    """Adds the generated pages to those of the folder."""
    points = (*ENTRY_POINTS.values(), TUNE)
    pages = {"reference/commands.md": commands_page(points), "reference/parameters.md": parameters_page(points)}
    for path, text in pages.items():
        files.append(File.generated(config, path, content=text))
    return files
