"""The notebooks of the documentation, executed; the files have the outputs of such a run."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.end_to_end.conftest import environment
from tests.places import ROOT

pytestmark = pytest.mark.end_to_end
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
_LARGEST = 200_000


def _kinds_of_outputs(notebook: nbformat.NotebookNode) -> list[list[str]]:
    """The kinds of each cell's outputs; warnings on a terminal's bars depend on what else is installed."""
    return [
        [output.output_type for output in cell.get("outputs", []) if output.get("name") != "stderr"]
        for cell in notebook.cells
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_its_first_cell_to_its_last(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    done = NotebookClient(
        nbformat.read(path, as_version=4),
        timeout=300,
        kernel_name="python3",
        # How many pieces a text is printed in depends on the speed of the machine.
        coalesce_streams=True,
        resources={"metadata": {"path": tmp_path}},
    ).execute()
    assert _kinds_of_outputs(done) == _kinds_of_outputs(nbformat.read(path, as_version=4))


def test_the_notebooks_are_small_and_have_their_outputs() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["latents", "study"]
    for path in NOTEBOOKS:
        cells = nbformat.read(path, as_version=4).cells
        assert path.stat().st_size < _LARGEST
        assert any("image/png" in output.get("data", {}) for cell in cells for output in cell.get("outputs", []))
