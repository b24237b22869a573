import pytest

from lds_mlflow.choices.bandwidths import BANDWIDTHS, CALIBRATED, parse_bandwidth
from lds_mlflow.errors import ConfigError


@pytest.mark.parametrize("rule", BANDWIDTHS)
def test_a_rule_by_name_is_no_number(rule: str) -> None:
    assert parse_bandwidth(rule) is None


@pytest.mark.parametrize(("text", "number"), [("0.3", 0.3), ("1e-3", 0.001), ("7", 7.0)])
def test_a_number_is_itself(text: str, number: float) -> None:
    assert parse_bandwidth(text) == number


@pytest.mark.parametrize("text", ["", "scot", "0", "-1", "inf", "nan"])
def test_anything_else_is_refused_with_the_rules(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_bandwidth(text)
    assert all(rule in caught.value.expected for rule in BANDWIDTHS)


def test_who_asks_for_the_calibrated_one_without_a_model_is_told_where_it_is_measured() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_bandwidth(CALIBRATED)
    assert "samples of a model" in caught.value.found
    assert "command calibrate" in caught.value.remedy
