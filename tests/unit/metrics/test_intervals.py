import pytest
import torch

from lds_mlflow.metrics import Estimate, intervals_of, wilson_interval
from lds_mlflow.metrics.intervals import deviations_of, interval_around

N = 200


def _influences(seed: int, scale: float = 1.0) -> torch.Tensor:
    values = scale * torch.randn(N, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return values - values.mean()


def test_an_interval_is_about_two_standard_errors_on_both_sides() -> None:
    estimate = Estimate(5.0, _influences(0), _influences(1, 2.0))
    low, high = intervals_of({"fid": estimate}, replicates=4000, seed=0)["fid"]
    assert 5 - low == pytest.approx(1.96 * estimate.standard_error, rel=0.1)
    assert high - 5 == pytest.approx(1.96 * estimate.standard_error, rel=0.1)


def test_no_interval_goes_below_the_least_that_its_figure_can_be() -> None:
    wide = Estimate(0.01, _influences(0, 10.0), _influences(1, 10.0))
    found = intervals_of({"fid": wide, "kid": wide, "loudness": wide}, replicates=200, seed=0)
    assert found["fid"][0] == 0
    assert found["kid"][0] < 0
    assert found["loudness"] == found["kid"]


def test_a_share_of_which_nothing_was_seen_has_the_interval_of_wilson() -> None:
    none = torch.zeros(N, dtype=torch.float64)
    assert intervals_of({"coverage": Estimate(0.0, none, none)}, replicates=100, seed=0)["coverage"] == (
        wilson_interval(0.0, N)
    )


def test_a_share_s_interval_stays_within_zero_and_one() -> None:
    low, high = intervals_of({"recall": Estimate(0.99, _influences(0), _influences(1))}, replicates=100, seed=0)[
        "recall"
    ]
    assert 0 <= low < 0.99 < high <= 1


def test_the_same_seed_draws_the_same_examples_for_all_figures() -> None:
    one, other = _influences(0), _influences(1)
    both = deviations_of([one, 2 * one], [other, 2 * other], replicates=50, seed=3)
    torch.testing.assert_close(both[:, 1], 2 * both[:, 0])
    assert torch.equal(both, deviations_of([one, 2 * one], [other, 2 * other], replicates=50, seed=3))
    assert not torch.equal(both, deviations_of([one, 2 * one], [other, 2 * other], replicates=50, seed=4))


def test_what_was_seen_of_none_of_some_examples_can_still_be() -> None:
    low, high = interval_around(0.0, torch.zeros(100, dtype=torch.float64), share_of=300)
    # The rule of three: where none of n was seen, about 3.7 of n are within a two-sided interval of 95 %.
    assert (low, high) == pytest.approx((-0.0123, 0.0123), abs=1e-4)
    assert interval_around(0.0, torch.zeros(100, dtype=torch.float64)) == (0.0, 0.0)
