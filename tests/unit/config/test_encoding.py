import pytest

from lds_mlflow.config import EncodeConfig, parse
from tests.unit.config.problems import problems


@pytest.mark.parametrize("run", ["auto", "abc", "runs:/abc"])
def test_a_run_is_named_or_found(run: str) -> None:
    assert parse(EncodeConfig, {"train_run": run}).train_run == run


@pytest.mark.parametrize("run", ["", "none"])
def test_encoding_needs_a_model(run: str) -> None:
    (problem,) = problems((EncodeConfig,), {"train_run": run})
    assert problem.startswith(f"train_run={run}: ")
    assert "should" in problem
