import pytest

from lds_mlflow.config import AugmentConfig, parse
from lds_mlflow.errors import ConfigError


@pytest.mark.parametrize("sigma", ["scott", "0.25"])
def test_a_rule_or_a_number_is_kept_as_it_is_given(sigma: str) -> None:
    assert parse(AugmentConfig, {"sigma": sigma}).sigma == sigma


@pytest.mark.parametrize("sigma", ["wide", "-1", "nan"])
def test_anything_else_is_refused_with_what_it_should_be(sigma: str) -> None:
    with pytest.raises(ConfigError, match=r"should be one of norm/5, .* or a finite number above 0"):
        parse(AugmentConfig, {"sigma": sigma})
