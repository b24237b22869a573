import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lds_mlflow.errors import ConfigError, DataError
from lds_mlflow.latent import bandwidth
from lds_mlflow.latent.bandwidth import BANDWIDTH_RULES, parse_bandwidth

NORM, CENTRED = BANDWIDTH_RULES


def _latents(n: int = 200, d: int = 8) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_norm_fifth_is_a_fifth_of_the_mean_norm() -> None:
    z = torch.tensor([[3.0, 4.0], [0.0, 10.0], [0.0, 0.0]])
    assert bandwidth(z, NORM) == pytest.approx((5 + 10 + 0) / 3 / 5)


def test_centred_norm_fifth_is_a_fifth_of_the_mean_distance_to_the_mean() -> None:
    z = torch.tensor([[7.0, 1.0], [7.0, 3.0]])
    assert bandwidth(z, CENTRED) == pytest.approx(1 / 5)


def test_norm_fifth_depends_on_where_the_origin_is() -> None:
    z = _latents()
    assert bandwidth(z + 10, NORM) > 5 * bandwidth(z, NORM)


@settings(max_examples=30, deadline=None)
@given(offset=st.floats(-1e4, 1e4))
def test_centred_norm_fifth_does_not_depend_on_the_origin(offset: float) -> None:
    z = _latents()
    assert bandwidth(z + offset, CENTRED) == pytest.approx(bandwidth(z, CENTRED), rel=1e-9)


@settings(max_examples=30, deadline=None)
@given(scale=st.floats(1e-3, 1e3), rule=st.sampled_from(BANDWIDTH_RULES))
def test_both_rules_grow_with_the_latents(scale: float, rule: str) -> None:
    z = _latents()
    assert bandwidth(scale * z, rule) == pytest.approx(scale * bandwidth(z, rule), rel=1e-9)


@pytest.mark.parametrize("rule", BANDWIDTH_RULES)
def test_both_rules_agree_where_the_mean_is_the_origin(rule: str) -> None:
    z = _latents()
    z = torch.cat([z, -z])
    assert bandwidth(z, rule) == pytest.approx(float(z.norm(dim=1).mean()) / 5)


@pytest.mark.parametrize(("rule", "sigma"), [("0.5", 0.5), ("3", 3.0), ("1e-2", 0.01)])
def test_a_number_is_the_bandwidth_itself(rule: str, sigma: float) -> None:
    assert bandwidth(_latents(), rule) == parse_bandwidth(rule) == sigma


@pytest.mark.parametrize("rule", BANDWIDTH_RULES)
def test_a_named_rule_is_no_number(rule: str) -> None:
    assert parse_bandwidth(rule) is None


@pytest.mark.parametrize("rule", ["0", "-1", "nan", "inf", "norm", "", "norm/4"])
def test_any_other_rule_is_refused_with_the_choices(rule: str) -> None:
    with pytest.raises(ConfigError) as caught:
        bandwidth(_latents(), rule)
    assert caught.value.what == "sigma"
    assert caught.value.found == repr(rule)
    assert caught.value.expected == "one of norm/5, centred-norm/5, or a finite number above 0"
    assert "norm/5" in caught.value.remedy


@pytest.mark.parametrize(
    ("z_ND", "rule"),
    [
        (torch.zeros(4, 2), NORM),
        (torch.ones(4, 2), CENTRED),
        (torch.full((4, 2), torch.nan), NORM),
        (torch.full((4, 2), torch.inf), CENTRED),
    ],
    ids=["all zero", "all alike", "not a number", "infinite"],
)
def test_latents_that_give_no_width_are_refused(z_ND: Tensor, rule: str) -> None:
    with pytest.raises(DataError) as caught:
        bandwidth(z_ND, rule)
    assert rule in caught.value.what
    assert caught.value.expected == "a finite number above 0"
    assert "train longer" in caught.value.remedy
