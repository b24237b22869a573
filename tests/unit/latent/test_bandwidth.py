import sys
from math import log

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lds_mlflow.choices.bandwidths import BANDWIDTHS, WIDTHS, parse_bandwidth
from lds_mlflow.errors import ConfigError, DataError
from lds_mlflow.latent.bandwidth import bandwidth, effective_neighbours
from lds_mlflow.latent.scoring.density import log_density
from lds_mlflow.latent.space import latent_space
from tests.unit.latent.conftest import gaussian

rules = st.sampled_from(sorted(BANDWIDTHS))


def _latents(n: int = 200, d: int = 8) -> Tensor:
    return gaussian(n, d, dtype=torch.float64)


def _sigma(z_ND: Tensor, rule: str) -> float:
    return bandwidth(z_ND, rule).sigma


def test_norm_fifth_is_a_fifth_of_the_mean_norm() -> None:
    z = torch.tensor([[3.0, 4.0], [0.0, 10.0], [0.0, 0.0]])
    assert _sigma(z, "norm/5") == pytest.approx((5 + 10 + 0) / 3 / 5)


def test_norm_fifth_depends_on_where_the_origin_is() -> None:
    z = _latents()
    assert _sigma(z + 10, "norm/5") > 5 * _sigma(z, "norm/5")


def test_in_centred_latents_it_does_not() -> None:
    z = _latents()
    centred = [latent_space(moved, "centred").map(moved) for moved in (z, z + 10)]
    assert _sigma(centred[1], "norm/5") == pytest.approx(_sigma(centred[0], "norm/5"), rel=1e-9)


@settings(max_examples=20, deadline=None)
@given(offset=st.floats(-100, 100), rule=rules.filter(lambda rule: rule != "norm/5"))
def test_the_other_rules_never_do(offset: float, rule: str) -> None:
    z = _latents(60, 3)
    # The search of loo ends within a thousandth of log sigma.
    assert _sigma(z + offset, rule) == pytest.approx(_sigma(z, rule), rel=1e-3 if rule == "loo" else 1e-9)


@settings(max_examples=30, deadline=None)
@given(scale=st.floats(1e-3, 1e3), rule=rules)
def test_all_rules_grow_with_the_latents(scale: float, rule: str) -> None:
    z = _latents(60, 3)
    assert _sigma(scale * z, rule) == pytest.approx(scale * _sigma(z, rule), rel=1e-3 if rule == "loo" else 1e-9)


@settings(max_examples=20, deadline=None)
@given(data=st.data(), rule=rules)
def test_the_order_of_the_latents_does_not_matter(data: st.DataObject, rule: str) -> None:
    z = _latents(40, 3)
    order = data.draw(st.permutations(range(40)))
    assert _sigma(z[order], rule) == pytest.approx(_sigma(z, rule), rel=1e-3 if rule == "loo" else 1e-9)


def test_the_median_is_that_of_all_distances() -> None:
    z = torch.tensor([[0.0], [1.0], [5.0]])
    # Distances 1, 4 and 5.
    assert _sigma(z, "median") == 4


def test_knn_is_the_mean_distance_to_the_tenth_nearest() -> None:
    z = _latents(50, 2)
    tenth = torch.cdist(z, z).sort(1).values[:, 10]
    assert _sigma(z, "knn") == pytest.approx(tenth.mean().item(), rel=1e-6)
    assert _sigma(z[:4], "knn") == pytest.approx(torch.cdist(z[:4], z[:4]).amax(1).mean().item(), rel=1e-6)


def test_the_multiplier_multiplies() -> None:
    z = _latents()
    assert bandwidth(z, "scott", multiplier=0.5).sigma == pytest.approx(0.5 * _sigma(z, "scott"))
    assert bandwidth(z, "2", multiplier=3).sigma == 6


def test_no_bandwidth_has_a_higher_leave_one_out_likelihood_than_loo_s() -> None:
    z = _latents(150, 3)

    def likelihood(sigma: float) -> float:
        rows = [log_density(z[i : i + 1], torch.cat([z[:i], z[i + 1 :]]), sigma=sigma) for i in range(150)]
        return float(torch.cat(rows).mean()) - 3 * log(sigma)

    best = _sigma(z, "loo")
    assert all(likelihood(best) >= likelihood(factor * best) for factor in (0.5, 0.8, 0.95, 1.05, 1.25, 2))


def test_copies_of_latents_do_not_draw_loo_to_nothing() -> None:
    z = torch.cat([_latents(50, 2)] * 2)
    distances = torch.cdist(z, z)
    assert _sigma(z, "loo") > 0.1 * distances[distances > 1e-9].min()


def test_inactive_dimensions_draw_loo_down_and_dropping_them_mends_it() -> None:
    # Sixty dimensions that hardly vary fill the normalising constant with their own log sigma.
    z = torch.cat([_latents(400, 4), 0.02 * gaussian(400, 60, seed=1, dtype=torch.float64)], dim=1)
    dropped = latent_space(z, "raw", drop_inactive=True).map(z)
    assert bandwidth(z, "loo").effective_neighbours < 2
    assert bandwidth(dropped, "loo").effective_neighbours > 5


@pytest.mark.parametrize("d", [4, 64])
def test_effective_neighbours_are_all_of_them_or_one_at_the_ends(d: int) -> None:
    z = _latents(100, d)
    assert effective_neighbours(z, 1e4) == pytest.approx(99, rel=1e-6)
    assert effective_neighbours(z, 1e-3) == pytest.approx(1, rel=1e-6)


def test_effective_neighbours_of_equidistant_latents_are_all_others() -> None:
    assert effective_neighbours(torch.eye(7), 0.1) == pytest.approx(6)


def test_effective_neighbours_grow_with_sigma() -> None:
    z = _latents()
    found = [effective_neighbours(z, sigma) for sigma in (0.05, 0.2, 0.5, 1, 2, 5)]
    assert found == sorted(found)


def test_a_bandwidth_that_reaches_few_neighbours_is_warned_of() -> None:
    found = bandwidth(_latents(), "0.1")
    assert found.effective_neighbours < 5
    assert "how near the nearest training latent is" in found.warning


def test_a_bandwidth_that_reaches_nearly_all_is_warned_of() -> None:
    found = bandwidth(_latents(), "100")
    assert found.effective_neighbours > 190
    assert "how near the mean is" in found.warning


def test_a_bandwidth_in_between_is_not() -> None:
    assert bandwidth(_latents(), "0.7").warning == ""


@pytest.mark.parametrize("d", [32, 64])
def test_the_median_distance_ranks_by_the_distance_to_the_mean_alone(d: int) -> None:
    z = _latents(1_000, d)
    points = gaussian(500, d, seed=1, dtype=torch.float64)
    scores = log_density(points, z, sigma=_sigma(z, "median"))
    ranks = torch.stack([scores, -(points - z.mean(0)).norm(dim=1)]).argsort(1).argsort(1).double()
    assert torch.corrcoef(ranks)[0, 1] > 0.99


def test_many_latents_are_measured_from_some_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    z = _latents(3_000, 4)
    some = [_sigma(z, rule) for rule in ("median", "knn", "loo")]
    monkeypatch.setattr(sys.modules["lds_mlflow.latent.bandwidth"], "_QUERIES", 3_000)
    assert some == pytest.approx([_sigma(z, rule) for rule in ("median", "knn", "loo")], rel=0.03)


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_latents_are_refused(n: int) -> None:
    with pytest.raises(DataError) as caught:
        bandwidth(torch.zeros(n, 2), "1.0")
    assert caught.value.expected.startswith("at least 2")


@pytest.mark.parametrize(("rule", "sigma"), [("0.5", 0.5), ("3", 3.0), ("1e-2", 0.01)])
def test_a_number_is_the_bandwidth_itself(rule: str, sigma: float) -> None:
    assert bandwidth(_latents(), rule).sigma == parse_bandwidth(rule) == sigma


@pytest.mark.parametrize("rule", BANDWIDTHS)
def test_a_named_rule_is_no_number(rule: str) -> None:
    assert parse_bandwidth(rule) is None


@pytest.mark.parametrize("rule", ["0", "-1", "nan", "inf", "norm", "", "norm/4"])
def test_any_other_rule_is_refused_with_the_choices(rule: str) -> None:
    with pytest.raises(ConfigError) as caught:
        bandwidth(_latents(), rule)
    assert caught.value.what == "sigma"
    assert caught.value.found == repr(rule)
    assert all(name in caught.value.expected for name in BANDWIDTHS)
    assert "norm/5" in caught.value.remedy


@pytest.mark.parametrize("rule", BANDWIDTHS)
def test_latents_that_are_all_alike_are_refused(rule: str) -> None:
    with pytest.raises(DataError) as caught:
        bandwidth(torch.zeros(4, 2), rule)
    assert rule in caught.value.what
    assert caught.value.expected == WIDTHS
    assert "train longer" in caught.value.remedy


@pytest.mark.parametrize("rule", BANDWIDTHS)
@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_a_latent_that_is_not_finite_is_named(rule: str, value: float) -> None:
    z = _latents(10, 2)
    z[6, 1] = value
    with pytest.raises(DataError) as caught:
        bandwidth(z, rule)
    assert caught.value.what == "training latent 6"
