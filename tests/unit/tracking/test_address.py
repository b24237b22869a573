from pathlib import Path

import pytest
from mlflow.environment_variables import MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR

from lds_mlflow.tracking import store_and_problem
from lds_mlflow.tracking.address import show_bars_of_downloads_only


def test_a_store_on_this_machine_is_named_and_not_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'x.db'}")
    assert store_and_problem() == (f"sqlite:///{tmp_path / 'x.db'}", "")
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_does_not_answer_is_a_problem_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:secret@127.0.0.1:1")
    address, problem = store_and_problem()
    assert "127.0.0.1:1" in address
    assert problem
    assert "secret" not in address + problem


@pytest.mark.parametrize(
    ("address", "is_terminal", "are_shown"),
    [("sqlite:///x.db", True, False), ("http://127.0.0.1:1", True, True), ("http://127.0.0.1:1", False, False)],
)
def test_only_downloads_from_a_server_show_bars_and_only_in_a_terminal(
    monkeypatch: pytest.MonkeyPatch, address: str, is_terminal: bool, are_shown: bool
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: is_terminal)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    monkeypatch.setenv("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "true")
    show_bars_of_downloads_only()
    assert MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR.get() is are_shown
