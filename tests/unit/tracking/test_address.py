from pathlib import Path

import pytest

from lds_mlflow.tracking import store_and_problem


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
