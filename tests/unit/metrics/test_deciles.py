import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm, spearmanr
from torch import Tensor

from lds_mlflow.errors import DataError
from lds_mlflow.metrics import quality_by_decile

laws = settings(max_examples=15, deadline=None)


def _gaussian(n: int, seed: int = 0) -> Tensor:
    return torch.randn(n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_means_and_edges_can_be_done_by_hand() -> None:
    # Twenty scores in disorder make deciles of two; their qualities are the squares of the scores.
    score = torch.tensor([19, 0, 18, 1, 17, 2, 16, 3, 15, 4, 14, 5, 13, 6, 12, 7, 11, 8, 10, 9]).double()
    found = quality_by_decile(score, score.square())
    assert found.edges == tuple((2.0 * i, 2.0 * i + 1) for i in range(10))
    assert [mean for mean, _, _ in found.means] == [((2 * i) ** 2 + (2 * i + 1) ** 2) / 2 for i in range(10)]
    # Of two numbers that differ by d the mean has the standard error d / 2.
    half = norm.ppf(0.975) * (19**2 - 18**2) / 2
    assert found.means[-1][1:] == pytest.approx((found.means[-1][0] - half, found.means[-1][0] + half))


def test_deciles_differ_by_at_most_one_example_and_hold_all() -> None:
    found = quality_by_decile(torch.arange(25).double(), torch.arange(25).double())
    sizes = [high - low + 1 for low, high in found.edges]
    assert sum(sizes) == 25
    assert set(sizes) == {2, 3}


@pytest.mark.parametrize("sign", [-1, 1])
def test_a_quality_that_goes_with_the_score_alone_has_the_correlation_one_or_minus_one(sign: int) -> None:
    score = _gaussian(100)
    found = quality_by_decile(score, sign * score.exp())
    assert found.rank_correlation == pytest.approx(sign)
    assert min(sign * found.low, sign * found.high) > 0.99
    means = [mean for mean, _, _ in found.means]
    assert means == sorted(means, reverse=sign < 0)


@laws
@given(seed=st.integers(0, 999), n=st.integers(20, 200), weight=st.floats(0, 2))
def test_the_correlation_is_scipy_s_and_lies_in_its_interval(seed: int, n: int, weight: float) -> None:
    score = _gaussian(n, seed)
    quality = weight * score + _gaussian(n, seed + 1000)
    found = quality_by_decile(score, quality)
    assert found.rank_correlation == pytest.approx(spearmanr(score.numpy(), quality.numpy()).statistic)
    assert -1 <= found.low < found.rank_correlation < found.high <= 1


def test_scores_that_tie_are_ranked_as_scipy_does() -> None:
    score = _gaussian(200).round()
    quality = score + _gaussian(200, seed=1).round()
    expected = spearmanr(score.numpy(), quality.numpy()).statistic
    assert quality_by_decile(score, quality).rank_correlation == pytest.approx(expected)


def test_the_interval_is_that_of_bonett_and_wright() -> None:
    score = _gaussian(103)
    found = quality_by_decile(score, score + _gaussian(103, seed=1))
    half = norm.ppf(0.975) * np.sqrt((1 + found.rank_correlation**2 / 2) / 100)
    middle = np.arctanh(found.rank_correlation)
    assert (found.low, found.high) == pytest.approx((np.tanh(middle - half), np.tanh(middle + half)))


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_the_interval_holds_the_true_correlation_nineteen_times_of_twenty(weight: float) -> None:
    # Of a bivariate normal distribution Spearman's correlation is known: 6 / pi asin(r / 2).
    truth = 6 / np.pi * np.arcsin(weight / np.sqrt(1 + weight**2) / 2)
    draws = ((_gaussian(100, seed), _gaussian(100, seed + 1000)) for seed in range(200))
    found = [quality_by_decile(score, weight * score + noise) for score, noise in draws]
    assert np.mean([some.low <= truth <= some.high for some in found]) == pytest.approx(0.95, abs=0.04)


@pytest.mark.parametrize("which", ["score", "quality"])
def test_what_does_not_vary_says_nothing(which: str) -> None:
    flat, other = torch.ones(50), _gaussian(50)
    found = quality_by_decile(*((flat, other) if which == "score" else (other, flat)))
    assert found.rank_correlation == 0
    assert found.low == pytest.approx(-found.high)
    assert found.low < 0


def test_it_says_its_correlation_in_short() -> None:
    found = quality_by_decile(_gaussian(50), torch.ones(50))
    assert str(found) == f"rank correlation 0.00 ({found.low:.2f} to {found.high:.2f})"


def test_fewer_than_twenty_samples_are_refused() -> None:
    quality_by_decile(_gaussian(20), _gaussian(20, seed=1))
    with pytest.raises(DataError) as caught:
        quality_by_decile(_gaussian(19), _gaussian(19, seed=1))
    assert caught.value.what == "quality by decile"
    assert caught.value.found == "19 samples, all of finite score and quality"
    assert caught.value.expected == "at least 20, of finite score and quality"
    assert "Evaluate more samples" in caught.value.remedy


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_numbers_that_are_not_finite_are_refused(value: float) -> None:
    broken = _gaussian(30)
    broken[3] = value
    for score, quality in ((broken, _gaussian(30)), (_gaussian(30), broken)):
        with pytest.raises(DataError, match="found 30 samples, not all of finite score and quality"):
            quality_by_decile(score, quality)
