import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from lds_mlflow.errors import DiskFullError
from lds_mlflow.machine import rows
from lds_mlflow.machine.rows import rows_of

EXAMPLES = torch.arange(24, dtype=torch.uint8).reshape(6, 1, 2, 2)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder for temporary files, where all that is larger than a few bytes goes."""
    monkeypatch.setattr(rows, "_IN_MEMORY", 8)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.mark.usefixtures("disk")
def test_rows_that_do_not_fit_in_memory_are_the_same() -> None:
    index = torch.tensor([5, 0, 3])
    assert torch.equal(rows_of(EXAMPLES, index), EXAMPLES[index])


def test_rows_that_do_not_fit_in_memory_leave_no_file(disk: Path) -> None:
    rows_of(EXAMPLES, torch.arange(5))
    assert list(disk.iterdir()) == []


@pytest.mark.usefixtures("disk")
def test_rows_that_fit_nowhere_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=19))
    with pytest.raises(DiskFullError, match="free"):
        rows_of(EXAMPLES, torch.arange(5))
