import pytest

from lds_mlflow.config import EvaluateConfig, SampleConfig
from lds_mlflow.config.balance import shares_of
from tests.unit.config.problems import problems, require_refused, require_taken


@pytest.mark.parametrize("balance", ["data", "equal", "cat:0.3,dog:0.7", "cat:1", "a:b:0.5, c :0.5"])
def test_shares_are_as_in_the_data_equal_or_named(balance: str) -> None:
    require_taken(SampleConfig, "balance", balance)
    require_taken(EvaluateConfig, "balance", balance)


def test_named_shares_are_read_as_they_are_written() -> None:
    assert shares_of("cat:0.3, black dog :0.7") == {"cat": 0.3, "black dog": 0.7}
    assert shares_of("a:b:1") == {"a:b": 1.0}
    assert shares_of("equal") == shares_of("data") == {}


@pytest.mark.parametrize(
    ("balance", "says"),
    [
        ("cat:0.3,dog:0.6", "should have shares that sum to 1, but they sum to 0.9"),
        ("cat:0.5,dog:0.6", "they sum to 1.1"),
        ("cat:0", "they sum to 0"),
        ("cat:0.5,cat:0.5", "'cat' comes twice"),
        ("cat:-0.5,dog:1.5", "should have shares from 0 to 1: not '-0.5'"),
        ("cat:much", "should have shares from 0 to 1: not 'much'"),
        ("cat:nan", "should have shares from 0 to 1: not 'nan'"),
        ("cat:inf", "should have shares from 0 to 1: not 'inf'"),
        ("cat:", "should have shares from 0 to 1: not ''"),
        ("cat", "should be data, equal, or NAME:SHARE,NAME:SHARE"),
        ("cat:0.5,,dog:0.5", "with nothing left out"),
        ("", "should be data, equal, or"),
        (":1", "should be data, equal, or"),
    ],
)
def test_what_is_no_division_into_shares_is_refused_in_a_sentence(balance: str, says: str) -> None:
    require_refused(EvaluateConfig, "balance", balance)
    (problem,) = problems((SampleConfig,), {"balance": balance})
    assert says in problem
