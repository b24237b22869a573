import os

import pytest
import torch

from lds_mlflow.machine.determinism import deterministic


def test_inside_only_deterministic_algorithms_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    with deterministic(True):
        assert torch.are_deterministic_algorithms_enabled()
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    assert not torch.are_deterministic_algorithms_enabled()


def test_a_setting_of_the_users_own_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")
    with deterministic(True), deterministic(False):
        assert torch.are_deterministic_algorithms_enabled()
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":16:8"


def test_an_error_ends_it_too() -> None:
    with pytest.raises(RuntimeError, match="broken"), deterministic(True):
        raise RuntimeError("broken")
    assert not torch.are_deterministic_algorithms_enabled()


def test_without_the_wish_nothing_changes() -> None:
    with deterministic(False):
        assert not torch.are_deterministic_algorithms_enabled()
