from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lds_mlflow.errors import ConfigError, DataError
from lds_mlflow.latent.selecting.thresholds import conformal, highest_density, knee, modes, otsu, typical_band
from tests.unit.latent.conftest import gaussian

lists = st.lists(st.floats(-100, 0), min_size=3, max_size=60).filter(lambda values: len(set(values)) > 1)


def _normal(n: int, mean: float = 0.0, seed: int = 0) -> torch.Tensor:
    return gaussian(1, n, seed, torch.float64)[0] + mean


def test_conformal_lets_the_stated_share_of_fresh_latents_pass() -> None:
    passing = []
    for seed in range(400):
        scores = _normal(100, seed=seed)
        passing.append((scores[99] >= conformal(scores[:99], 0.9)).item())
    # Exchangeable: exactly 0.9 in the mean, here with a standard deviation of 0.015.
    assert np.mean(passing) == pytest.approx(0.9, abs=0.06)


@pytest.mark.parametrize(("n", "share"), [(8, 0.9), (98, 0.99), (0, 0.5)])
def test_too_few_held_out_latents_are_refused_with_how_many_it_takes(n: int, share: float) -> None:
    with pytest.raises(DataError) as caught:
        conformal(torch.zeros(n).double(), share)
    assert caught.value.expected.startswith(f"at least {round(1 / (1 - share)) - 1}")
    assert conformal(torch.zeros(round(1 / (1 - share)) - 1).double(), share) == 0


@pytest.mark.parametrize("share", [0, 1, -0.5, 1.5])
def test_a_share_out_of_range_is_refused(share: float) -> None:
    for threshold in (conformal, highest_density, typical_band):
        with pytest.raises(ConfigError):
            threshold(_normal(50), share)


@pytest.mark.parametrize("mass", [0.5, 0.9])
def test_the_highest_density_region_holds_its_mass(mass: float) -> None:
    scores = _normal(1_001)
    assert (scores >= highest_density(scores, mass)).double().mean() == pytest.approx(mass, abs=0.002)


def test_the_typical_band_holds_its_mass_in_the_middle() -> None:
    scores = _normal(2_001)
    low, high = typical_band(scores, 0.8)
    assert (scores < low).double().mean() == pytest.approx(0.1, abs=0.002)
    assert (scores > high).double().mean() == pytest.approx(0.1, abs=0.002)


@settings(max_examples=60, deadline=None)
@given(values=lists)
def test_otsu_cuts_where_the_variance_between_the_sides_is_largest(values: list[float]) -> None:
    scores = torch.tensor(values, dtype=torch.float64)

    def between(cut: float) -> float:
        low, high = scores[scores <= cut], scores[scores > cut]
        return (len(low) * len(high) * (low.mean() - high.mean()) ** 2).item()

    best = max(between(cut) for cut in scores.unique()[:-1].tolist())
    assert between(otsu(scores)) == pytest.approx(best, rel=1e-9)


def test_otsu_parts_two_clusters() -> None:
    scores = torch.cat([_normal(300, -50), _normal(700, -10)])
    assert (scores > otsu(scores)).sum() == 700


def test_the_knee_is_where_the_curve_bends() -> None:
    # A steep tail of 20, then 80 that hardly rise.
    scores = torch.cat([torch.linspace(-100, -10, 20), torch.linspace(-9.9, -9, 80)]).double()
    assert knee(scores) == pytest.approx(-10, abs=0.5)


@settings(max_examples=30, deadline=None)
@given(values=lists)
def test_something_lies_on_either_side_of_otsu_s_cut(values: list[float]) -> None:
    scores = torch.tensor(values, dtype=torch.float64)
    assert scores.min() <= otsu(scores) < scores.max()


def test_a_few_stray_scores_are_no_mode() -> None:
    assert modes(torch.cat([_normal(2_000), torch.full((5,), -15.0).double()])).n == 1


@pytest.mark.parametrize("threshold", [otsu, knee])
def test_scores_that_are_all_alike_have_no_threshold(threshold: Callable[[Tensor], float]) -> None:
    with pytest.raises(DataError, match="selection=top"):
        threshold(torch.zeros(10).double())


@pytest.mark.parametrize("seed", range(5))
def test_one_normal_has_one_mode_and_two_far_ones_have_two(seed: int) -> None:
    assert modes(_normal(2_000, seed=seed)).n == 1
    both = modes(torch.cat([_normal(2_000, seed=seed), _normal(2_000, 8, seed + 50)]))
    assert both.n == 2
    assert both.valley < 0.2


def test_a_skewed_distribution_has_one_mode() -> None:
    exponential = -torch.empty(5_000).double().exponential_(generator=torch.Generator().manual_seed(0))
    assert modes(exponential).n == 1


def test_three_far_normals_have_three_modes() -> None:
    assert modes(torch.cat([_normal(500, 10 * place, place) for place in range(3)])).n == 3


@pytest.mark.parametrize("scores", [[-1.0], [-1.0, -1.0], [-5.0] * 100])
def test_scores_that_are_all_alike_have_one_mode(scores: list[float]) -> None:
    assert modes(torch.tensor(scores).double()).n == 1


def test_scores_of_minus_infinity_are_left_aside() -> None:
    scores = torch.cat([_normal(100), torch.full((50,), -torch.inf).double()])
    assert modes(scores) == modes(_normal(100))
    assert otsu(scores) == otsu(_normal(100))
