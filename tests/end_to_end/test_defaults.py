"""Every entry point with nothing but its defaults and small budgets, one after the other in one store."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from lds_mlflow.__main__ import cli
from lds_mlflow.entry.points import ENTRY_POINTS
from lds_mlflow.tracking import Tracker
from tests.conftest import TINY, copied, store_dots

pytestmark = pytest.mark.end_to_end

_BUDGETS: dict[str, Any] = {**TINY, "samples": 12, "count": 2}
_ELSEWHERE = {"image", "ablate", "tune", "open"}
"""An ablation and a search take longer than all the others; test_mlflow_run.py has them. An image needs an engine, and
open a model of the user's own."""


@pytest.fixture(scope="module", autouse=True)
def place(empty_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One store and one folder for all, so that each entry point finds what those before it have made."""
    folder = tmp_path_factory.mktemp("defaults")
    with pytest.MonkeyPatch.context() as monkeypatch:
        copied(empty_database, folder, monkeypatch)
        monkeypatch.chdir(folder)
        store_dots(monkeypatch)
        monkeypatch.setattr("uvicorn.run", lambda app, **settings: None)
        # The docker package leaves a socket open where no engine is.
        monkeypatch.setattr("lds_mlflow.pipeline.doctor.version_of_engine", lambda: "")
        monkeypatch.setattr("lds_mlflow.steps.register.exported_decoder", lambda weights: b"")
        yield folder


@pytest.mark.parametrize("name", [name for name in ENTRY_POINTS if name not in _ELSEWHERE])
def test_an_entry_point_works_by_its_defaults(name: str) -> None:
    known = ENTRY_POINTS[name].parameters
    flags = [f"--{budget}={value}" for budget, value in _BUDGETS.items() if budget in known]
    done = CliRunner().invoke(cli, [name, *flags], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert {run.info.status for run in _runs()} <= {"FINISHED"}


def _runs() -> list[Any]:
    tracker = Tracker.connect()
    return list(tracker.client.search_runs([tracker.experiment_id]))
