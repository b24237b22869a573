from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from scipy.stats import betabinom
from torch import Tensor

from lds_mlflow.errors import DataError
from lds_mlflow.metrics import balls, density_and_coverage, neighbour_estimates, precision_and_recall

laws = settings(max_examples=15, deadline=None)


def _gaussian(n: int, f: int = 4, seed: int = 0) -> Tensor:
    return torch.randn(n, f, generator=torch.Generator().manual_seed(seed))


def _modes(n: int, modes: int, seed: int) -> Tensor:
    """Points around the first `modes` of five centres that lie far apart."""
    centres = 20 * torch.eye(5)
    return centres[torch.arange(n) % modes] + _gaussian(n, 5, seed)


def test_a_case_that_can_be_counted_by_hand() -> None:
    # With k = 1 the balls around 0, 1 and 10 have the radii 1, 1 and 9.
    real, fake = torch.tensor([[0.0], [1.0], [10.0]]), torch.tensor([[0.5], [5.0]])
    found = density_and_coverage(real, fake, k=1)
    assert found.density == pytest.approx((2 + 1) / (1 * 2))
    assert found.coverage == pytest.approx(3 / 3)


def test_a_ball_is_open_and_its_own_centre_is_inside() -> None:
    real = torch.tensor([[0.0], [1.0]])
    assert density_and_coverage(real, torch.tensor([[2.0]]), k=1) == (0.0, 0.0)
    assert density_and_coverage(real, torch.tensor([[0.0]]), k=1) == (1.0, 0.5)


def test_real_examples_have_a_density_about_one_and_cover_nearly_all() -> None:
    # For two samples of one distribution coverage is 1 - 2^-k in the mean (Naeem et al., lemma 2): 0.969 for k = 5.
    found = density_and_coverage(_gaussian(600), _gaussian(600, seed=1))
    assert found.density == pytest.approx(1, abs=0.08)
    assert found.coverage == pytest.approx(1 - 2**-5, abs=0.03)


def test_copies_of_the_real_examples_cover_all_of_them() -> None:
    assert density_and_coverage(_gaussian(50), _gaussian(50)).coverage == 1


def test_dropping_modes_lowers_coverage_by_their_share_and_not_density() -> None:
    real = _modes(500, 5, seed=0)
    found = [density_and_coverage(real, _modes(500, modes, seed=1)) for modes in (5, 3, 1)]
    assert found[1].coverage == pytest.approx(3 / 5, abs=0.03)
    assert found[2].coverage == pytest.approx(1 / 5, abs=0.03)
    assert found[2].density > 0.9 * found[0].density


def test_crowding_where_real_examples_are_dense_raises_density_above_one_and_lowers_coverage() -> None:
    real = _gaussian(500, 8)
    crowded = density_and_coverage(real, 0.4 * _gaussian(500, 8, seed=1))
    spread = density_and_coverage(real, _gaussian(500, 8, seed=1))
    assert crowded.density > 1.5 * spread.density
    assert crowded.density > 1
    assert crowded.coverage < 0.8 * spread.coverage


def test_samples_far_away_have_neither() -> None:
    assert density_and_coverage(_gaussian(50), _gaussian(50) + 100) == (0.0, 0.0)


@laws
@given(n=st.integers(7, 30), m=st.integers(1, 30), k=st.integers(1, 6), seed=st.integers(0, 99))
def test_both_stay_within_their_bounds(n: int, m: int, k: int, seed: int) -> None:
    found = density_and_coverage(_gaussian(n, seed=seed), _gaussian(m, seed=seed + 1), k=k)
    assert 0 <= found.density <= n / k
    assert 0 <= found.coverage <= 1


@laws
@given(seed=st.integers(0, 99), scale=st.floats(0.01, 100))
def test_order_place_and_scale_change_nothing(seed: int, scale: float) -> None:
    real, fake = _gaussian(30, seed=seed).double(), _gaussian(25, seed=seed + 1).double()
    moved = density_and_coverage(scale * (real.flip(0) + 1), scale * (fake.flip(0) + 1))
    assert moved == pytest.approx(density_and_coverage(real, fake))


@pytest.mark.parametrize("entries", [1, 50, 51, 175])
def test_the_size_of_a_tile_does_not_matter(monkeypatch: pytest.MonkeyPatch, entries: int) -> None:
    real, fake = _gaussian(50), _gaussian(35, seed=1)
    whole = density_and_coverage(real, fake)
    both = precision_and_recall(real, fake)
    monkeypatch.setattr(balls, "_TILE_ENTRIES", entries)
    monkeypatch.setattr(balls, "_EXACT_ENTRIES", 3 * entries)
    assert density_and_coverage(real, fake) == whole
    assert precision_and_recall(real, fake) == both


def test_precision_and_recall_of_a_case_that_can_be_counted_by_hand() -> None:
    # Around 0, 1 and 10 the balls have the radii 1, 1 and 9; around 0.5 and 5 both have 4.5.
    real, fake = torch.tensor([[0.0], [1.0], [10.0]]), torch.tensor([[0.5], [5.0]])
    assert tuple(precision_and_recall(real, fake, k=1)) == pytest.approx((1, 2 / 3))


def test_precision_falls_with_what_is_not_real_and_recall_with_what_is_missing() -> None:
    real = _modes(500, 5, seed=0)
    alike, dropped = _modes(500, 5, seed=1), _modes(500, 3, seed=1)
    strayed = torch.cat([alike[:250], alike[250:] + 200])
    assert precision_and_recall(real, strayed).precision == pytest.approx(0.5, abs=0.06)
    assert precision_and_recall(real, dropped).recall == pytest.approx(3 / 5, abs=0.06)
    assert precision_and_recall(real, dropped).precision > 0.85


def test_precision_and_recall_change_places_with_their_sets() -> None:
    real, fake = _gaussian(80), 0.5 * _gaussian(90, seed=1)
    forwards, backwards = precision_and_recall(real, fake), precision_and_recall(fake, real)
    assert forwards == backwards[::-1]


def test_many_copies_of_one_point_have_a_ball_that_nothing_is_in() -> None:
    # More copies than are kept for a second look.
    real = torch.cat([torch.ones(30, 3), _gaussian(10, 3) + 50])
    found = density_and_coverage(real, torch.ones(5, 3))
    assert found == (0.0, 0.0)


@pytest.mark.parametrize("metric", [density_and_coverage, precision_and_recall, neighbour_estimates])
def test_features_that_are_not_finite_are_refused(metric: Callable[[Tensor, Tensor], object]) -> None:
    broken = _gaussian(20)
    broken[3, 1] = torch.nan
    for real, fake in ((broken, _gaussian(20)), (_gaussian(20), broken)):
        with pytest.raises(DataError, match="not all finite"):
            metric(real, fake)


@pytest.mark.parametrize("metric", [precision_and_recall, neighbour_estimates])
@pytest.mark.parametrize(("n", "m"), [(20, 5), (5, 20)])
def test_both_ways_need_more_than_k_of_both(metric: Callable[..., object], n: int, m: int) -> None:
    with pytest.raises(DataError) as caught:
        metric(_gaussian(n), _gaussian(m), k=5)
    assert caught.value.found == f"{n} real examples and {m} samples"
    assert caught.value.expected == "more than k = 5 real examples, and more than k = 5 samples"


@pytest.mark.parametrize(("n", "m"), [(5, 10), (0, 10), (20, 0)])
def test_too_few_examples_are_refused_with_the_rule(n: int, m: int) -> None:
    with pytest.raises(DataError) as caught:
        density_and_coverage(_gaussian(n), _gaussian(m), k=5)
    assert caught.value.what == "density and coverage"
    assert caught.value.found == f"{n} real examples and {m} samples"
    assert caught.value.expected == "more than k = 5 real examples, and a sample"
    assert "Bring more held-out examples, or lower k_neighbours" in caught.value.remedy


def _estimates(real: Tensor, fake: Tensor, k: int = 5) -> dict[str, float]:
    return {name: estimate.value for name, estimate in neighbour_estimates(real, fake, k=k).items()}


def _dense_clipped_density(real: Tensor, fake: Tensor, k: int) -> float:
    among, across = cdist(real.numpy(), real.numpy()), cdist(fake.numpy(), real.numpy())
    # The first of a row is the example itself.
    radius = np.sort(among, axis=1)[:, k]
    clipped = np.minimum(radius, np.median(radius))
    of_real = np.minimum(1, ((among <= clipped).sum(1) - 1) / k).mean()
    return float(min(1, np.minimum(1, (across <= clipped).sum(1) / k).mean() / of_real))


def _dense_clipped_coverage(real: Tensor, fake: Tensor, k: int) -> float:
    n, most = len(real), len(fake)
    radius = np.sort(cdist(real.numpy(), real.numpy()), axis=1)[:, k]
    covered = np.minimum(1, (cdist(real.numpy(), fake.numpy()) < radius[:, None]).sum(1) / k).mean()
    expected = []
    for m in range(most + 1):
        held = np.arange(m + 1)
        expected.append((np.minimum(1, held / k) * betabinom.pmf(held, m, k, n - k)).sum())
    return float(np.interp(covered, expected, np.arange(most + 1) / most))


@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize(("n", "m"), [(40, 40), (61, 30), (30, 61)])
@pytest.mark.parametrize(("scale", "offset"), [(1.0, 0.0), (0.8, 0.5), (3.0, 0.0)])
def test_the_clipped_ones_are_those_of_their_definition(n: int, m: int, k: int, scale: float, offset: float) -> None:
    real, fake = _gaussian(n).double(), scale * _gaussian(m, seed=1).double() + offset
    found = _estimates(real, fake, k)
    assert found["clipped_density"] == pytest.approx(_dense_clipped_density(real, fake, k), rel=1e-9)
    assert found["clipped_coverage"] == pytest.approx(_dense_clipped_coverage(real, fake, k), rel=1e-9, abs=1e-12)


def test_the_clipped_ones_of_a_case_that_can_be_counted_by_hand() -> None:
    # With k = 1 the balls around 0, 1, 2 and 10 have the radii 1, 1, 1 and 8, clipped to 1. Closed, they hold a
    # neighbour of every real example but the last: 3/4. 2.5 and 3 are held, 6 is not: 2/3.
    real, fake = torch.tensor([[0.0], [1.0], [2.0], [10.0]]), torch.tensor([[2.5], [3.0], [6.0]])
    found = _estimates(real, fake, 1)
    assert found["clipped_density"] == pytest.approx(2 / 3 / (3 / 4))
    # The open balls around 2 and 10 hold samples: a half. One sample of the real distribution would lie in a ball in 1
    # of 4 draws, two in one of them in 1 - 3/4 * 4/5, three in one in 1 - 3/4 * 4/5 * 5/6 = 1/2: that is all three.
    assert found["clipped_coverage"] == pytest.approx(1)


def test_real_examples_have_about_one_of_both_clipped_ones() -> None:
    found = _estimates(_gaussian(600), _gaussian(600, seed=1))
    assert found["clipped_density"] == pytest.approx(1, abs=0.08)
    assert found["clipped_coverage"] == pytest.approx(1, abs=0.08)


@pytest.mark.parametrize("bad", [0.25, 0.5, 0.75])
def test_bad_samples_lower_both_clipped_ones_by_their_share(bad: float) -> None:
    fake = _gaussian(600, seed=1)
    fake[: int(600 * bad)] += 100
    found = _estimates(_gaussian(600), fake)
    assert found["clipped_density"] == pytest.approx(1 - bad, abs=0.1)
    assert found["clipped_coverage"] == pytest.approx(1 - bad, abs=0.1)
    # Which can't be said of coverage.
    assert found["coverage"] > 1 - bad + 0.1


def test_outliers_among_real_examples_do_not_make_bad_samples_good() -> None:
    real, fake = _gaussian(600), _gaussian(600, seed=1)
    fake[:300] = 25 * fake[:300]
    strayed = torch.cat([50 * real[:30], real[30:]])
    without, found = _estimates(real, fake), _estimates(strayed, fake)
    assert found["clipped_density"] == pytest.approx(without["clipped_density"], abs=0.1)
    # Which can't be said of density.
    assert found["density"] > without["density"] + 0.3


def test_crowding_does_not_raise_clipped_density_above_one() -> None:
    found = _estimates(_gaussian(300, 8), 0.4 * _gaussian(300, 8, seed=1))
    assert found["clipped_density"] == 1
    assert found["density"] > 1.5


def test_dropping_modes_lowers_clipped_coverage_and_not_clipped_density() -> None:
    found = [_estimates(_modes(500, 5, seed=0), _modes(500, modes, seed=1)) for modes in (5, 3, 1)]
    covered = [some["clipped_coverage"] for some in found]
    assert covered == sorted(covered, reverse=True)
    assert covered[2] < 0.3 * covered[0]
    assert found[2]["clipped_density"] > 0.9


@pytest.mark.parametrize("k", [1, 5])
@pytest.mark.parametrize("make", ["random", "tied"])
def test_the_values_with_influences_are_those_without(make: str, k: int) -> None:
    generator = torch.Generator().manual_seed(0)
    tied = torch.randint(0, 3, (2, 80, 3), generator=generator).float()
    real, fake = (tied[0], tied[1][:70]) if make == "tied" else (_gaussian(80), 0.8 * _gaussian(70, seed=1) + 0.3)
    found = _estimates(real, fake, k)
    assert (found["density"], found["coverage"]) == density_and_coverage(real, fake, k=k)
    assert (found["precision"], found["recall"]) == precision_and_recall(real, fake, k=k)


@laws
@given(n=st.integers(7, 30), m=st.integers(7, 30), k=st.integers(1, 6), seed=st.integers(0, 99))
def test_influences_have_a_mean_of_zero_and_shares_stay_shares(n: int, m: int, k: int, seed: int) -> None:
    found = neighbour_estimates(_gaussian(n, seed=seed), _gaussian(m, seed=seed + 1), k=k)
    for name, estimate in found.items():
        assert estimate.by_real_N.shape == (n,)
        assert estimate.by_sample_S.shape == (m,)
        assert estimate.by_real_N.mean().item() == pytest.approx(0, abs=1e-9)
        assert estimate.by_sample_S.mean().item() == pytest.approx(0, abs=1e-9)
        assert 0 <= estimate.value <= (n / k if name == "density" else 1)


def test_standard_errors_are_about_the_spread_over_draws_of_examples() -> None:
    values: dict[str, list[float]] = {}
    errors: dict[str, list[float]] = {}
    for seed in range(80):
        fake = _gaussian(150, seed=1000 + seed)
        fake[torch.rand(150, generator=torch.Generator().manual_seed(seed)) < 0.4] += 100
        for name, estimate in neighbour_estimates(_gaussian(150, seed=seed), fake).items():
            values.setdefault(name, []).append(estimate.value)
            errors.setdefault(name, []).append(estimate.standard_error)
    for name, some in values.items():
        assert 0.75 < np.mean(errors[name]) / np.std(some) < 1.35, name


def test_the_influence_of_a_real_example_on_density_is_what_leaving_it_out_changes() -> None:
    # The balls of those that it was a neighbour of grow to the next one.
    real, fake, k = _gaussian(80), 0.8 * _gaussian(70, seed=1) + 0.3, 3
    found = neighbour_estimates(real, fake, k=k)["density"]
    left_out = [torch.cat([real[:i], real[i + 1 :]]) for i in range(80)]
    changes = np.array([density_and_coverage(rest, fake, k=k).density - found.value for rest in left_out])
    np.testing.assert_allclose(-found.by_real_N.numpy() / 80, changes - changes.mean(), atol=1e-12)


def test_with_no_more_real_examples_than_a_ball_reaches_to_none_grows() -> None:
    real, fake = _gaussian(6), _gaussian(20, seed=1)
    found = neighbour_estimates(real, fake, k=5)["density"]
    held = torch.from_numpy(cdist(real, fake) < cdist(real, real).max(1, keepdims=True)).double().sum(1)
    torch.testing.assert_close(found.by_real_N, (held - held.mean()) * 6 / (5 * 20))
