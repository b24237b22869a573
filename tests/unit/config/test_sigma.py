import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lds_mlflow.choices.bandwidths import BANDWIDTHS, parse_bandwidth
from lds_mlflow.config import AugmentConfig, RegisterConfig, SampleConfig, Settings, parse
from lds_mlflow.errors import ConfigError
from tests.unit.config.problems import named, problems

PRINTABLE = st.characters(categories=["L", "N", "P", "S"])


@pytest.mark.parametrize("sigma", ["scott", "0.25"])
def test_a_rule_or_a_number_is_kept_as_it_is_given(sigma: str) -> None:
    assert parse(AugmentConfig, {"sigma": sigma}).sigma == sigma


@pytest.mark.parametrize("sigma", ["wide", "-1", "nan"])
def test_anything_else_is_refused_with_what_it_should_be(sigma: str) -> None:
    with pytest.raises(ConfigError, match=r"should be one of norm/5, .* or a number from 1e-15 to 1e\+15"):
        parse(AugmentConfig, {"sigma": sigma})


@settings(max_examples=60, deadline=None)
@given(
    sigma=st.one_of(
        st.sampled_from(sorted(BANDWIDTHS)),
        st.floats().map(str),
        st.text(PRINTABLE, max_size=8),
        st.sampled_from(["norm", "1/5"]),
    )
)
def test_sigma_is_what_the_science_takes_for_it(sigma: str) -> None:
    try:
        parse_bandwidth(sigma)
    except ConfigError:
        assert named(problems((AugmentConfig,), {"sigma": sigma}))[0] == "sigma"
    else:
        assert parse(AugmentConfig, {"sigma": sigma}).sigma == sigma


def test_a_wrong_sigma_is_told_all_rules() -> None:
    (problem,) = problems((AugmentConfig,), {"sigma": "scot"})
    assert all(rule in problem for rule in BANDWIDTHS)


@pytest.mark.parametrize("config", [SampleConfig, RegisterConfig])
def test_samplers_may_have_a_calibrated_bandwidth(config: type[Settings]) -> None:
    parse(config, {"sampler_sigma": "calibrated"})
    with pytest.raises(ConfigError, match=r"should be calibrated, one of norm/5, .* or a number"):
        parse(config, {"sampler_sigma": "calibratd"})


def test_scores_of_candidates_may_not() -> None:
    with pytest.raises(ConfigError, match=r"should be one of norm/5"):
        parse(AugmentConfig, {"sigma": "calibrated"})


@pytest.mark.parametrize(("sampler", "takes"), [("density", True), ("interpolants", False), ("prior", False)])
def test_only_the_density_is_calibrated(sampler: str, takes: bool) -> None:
    assert parse(SampleConfig, {"sampler": sampler, "sampler_sigma": "calibrated"}).is_calibrated is takes
    assert not parse(SampleConfig, {"sampler": sampler, "sampler_sigma": "norm/5"}).is_calibrated
