import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm
from torch import Tensor
from torch.nn import functional

from lds_mlflow.data import load_digits
from lds_mlflow.errors import DataError
from lds_mlflow.metrics import (
    Extrapolation,
    frechet_distance,
    frechet_estimate,
    frechet_trace,
    frechet_without_bias,
)

laws = settings(max_examples=10, deadline=None)


def _features(n: int = 60, f: int = 5, seed: int = 0) -> Tensor:
    return torch.randn(n, f, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture(scope="module")
def halves() -> tuple[Tensor, Tensor]:
    """Two disjoint halves of the digits, float [N, 1, 8, 8] in 0..1."""
    digits = load_digits().examples_N.float() / 255
    order = torch.randperm(1796, generator=torch.Generator().manual_seed(0))
    return digits[order[:898]], digits[order[898:]]


def _of_pixels(real: Tensor, fake: Tensor) -> float:
    return frechet_distance(real.flatten(1), fake.flatten(1))


def test_a_set_is_at_no_distance_from_itself() -> None:
    assert frechet_distance(_features(), _features()) == pytest.approx(0, abs=1e-8)


@laws
@given(seed=st.integers(0, 99), offset=st.floats(-5, 5))
def test_moving_a_set_adds_the_square_of_the_way(seed: int, offset: float) -> None:
    x = _features(seed=seed)
    assert frechet_distance(x, x + offset) == pytest.approx(5 * offset**2, abs=1e-6)


@laws
@given(seed=st.integers(0, 99))
def test_the_distance_is_symmetric_and_never_below_zero(seed: int) -> None:
    x, y = _features(seed=seed), 2 * _features(40, seed=seed + 1) + 1
    assert frechet_distance(x, y) == pytest.approx(frechet_distance(y, x))
    assert frechet_distance(x, y) > 0


@laws
@given(seed=st.integers(0, 99))
def test_order_and_rotation_change_nothing(seed: int) -> None:
    x, y = _features(seed=seed), 2 * _features(seed=seed + 1) + 1
    rotation = torch.linalg.qr(_features(5, 5, seed=seed)).Q
    expected = pytest.approx(frechet_distance(x, y), rel=1e-6)
    assert frechet_distance(x.flip(0), y) == expected
    assert frechet_distance(x @ rotation, y @ rotation) == expected


def test_fewer_rows_than_features_still_have_a_distance() -> None:
    x = _features(6, 20)
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-4)
    assert frechet_distance(x, x + 1) == pytest.approx(20, rel=1e-3)


def test_a_feature_alone_has_a_distance() -> None:
    x = _features(f=1)
    assert frechet_distance(x, x + 3) == pytest.approx(9)


def test_single_precision_features_lose_no_digits() -> None:
    x, y = _features(100, 32).float() * 100, _features(100, 32, seed=1).float() * 100
    assert frechet_distance(x, y) == pytest.approx(frechet_distance(x.double(), y.double()), rel=1e-9)


def test_real_examples_are_near_other_real_examples(halves: tuple[Tensor, Tensor]) -> None:
    real, other = halves
    assert _of_pixels(real, other) < 0.02 * _of_pixels(real, torch.rand(real.shape))


def test_noise_raises_the_distance(halves: tuple[Tensor, Tensor]) -> None:
    real, other = halves
    noise = torch.randn(other.shape, generator=torch.Generator().manual_seed(0))
    found = [_of_pixels(real, other + scale * noise) for scale in (0.0, 0.1, 0.2, 0.4)]
    assert found == sorted(found)
    assert found[-1] > 10 * found[0]


def test_blur_raises_the_distance(halves: tuple[Tensor, Tensor]) -> None:
    real, other = halves
    found = [_of_pixels(real, functional.avg_pool2d(other, k, stride=1, padding=k // 2)) for k in (1, 3, 5)]
    assert found == sorted(found)
    assert found[1] > 10 * found[0]


def test_collapse_raises_the_distance(halves: tuple[Tensor, Tensor]) -> None:
    real, other = halves
    assert _of_pixels(real, other[:5].repeat(100, 1, 1, 1)) > 5 * _of_pixels(real, other)


@pytest.mark.parametrize("name", ["first", "second"])
@pytest.mark.parametrize(
    ("bad", "found"),
    [
        (torch.zeros(1, 5), "1 rows, all finite"),
        (torch.zeros(0, 5), "0 rows, all finite"),
        (torch.full((9, 5), torch.nan), "9 rows, not all finite"),
        (torch.full((9, 5), torch.inf), "9 rows, not all finite"),
    ],
    ids=["one row", "no row", "not a number", "infinite"],
)
def test_features_that_have_no_distance_are_refused(name: str, bad: Tensor, found: str) -> None:
    with pytest.raises(DataError) as caught:
        frechet_distance(*((bad, _features()) if name == "first" else (_features(), bad)))
    assert caught.value.what == f"the {name} set of features"
    assert caught.value.found == found
    assert caught.value.expected == "at least 2 rows of finite numbers"
    assert "Evaluate more samples" in caught.value.remedy


def test_the_distance_with_influences_is_the_one_without() -> None:
    x, y = _features(), 2 * _features(40, seed=1) + 1
    assert frechet_estimate(x, y).value == frechet_distance(x, y)


def _weighted_distance(x: Tensor, weight_N: Tensor, y: Tensor) -> float:
    """The distance where examples of the first set count by weights that sum to one."""
    mean, n = weight_N @ x, len(x)
    a = (x - mean) * (weight_N * n / (n - 1)).sqrt()[:, None]
    b = (y - y.mean(0)) / (len(y) - 1) ** 0.5
    root = torch.linalg.svdvals(a @ b.T).sum()
    return float((mean - y.mean(0)).square().sum() + a.square().sum() + b.square().sum() - 2 * root)


@pytest.mark.parametrize(("n", "m", "f"), [(100, 90, 5), (40, 45, 60), (70, 30, 50), (30, 70, 50)])
@pytest.mark.parametrize("side", ["real", "fake"])
def test_an_influence_is_the_derivative_by_the_weight_of_an_image(n: int, m: int, f: int, side: str) -> None:
    x, y = _features(n, f), 1.5 * _features(m, f, seed=1) + 0.3
    # The distance is symmetric.
    estimate = frechet_estimate(x, y) if side == "real" else frechet_estimate(y, x)
    influences, step = estimate.by_real_N if side == "real" else estimate.by_sample_S, 1e-6
    slopes = []
    for i in range(n):
        weights = torch.full((n,), (1 - step) / n, dtype=torch.float64)
        weights[i] += step
        slopes.append((_weighted_distance(x, weights, y) - estimate.value) / step)
    assert np.corrcoef(influences, slopes)[0, 1] > 0.9998
    # Covariances over n - 1 have the derivative times n / (n - 1).
    assert np.polyfit(influences, slopes, 1)[0] == pytest.approx(1, abs=1 / (n - 1))


@pytest.mark.parametrize(("n", "m", "f"), [(100, 90, 5), (80, 85, 100), (80, 60, 70), (60, 80, 70)])
@pytest.mark.parametrize("side", ["real", "fake"])
def test_an_influence_is_what_leaving_the_example_out_changes(n: int, m: int, f: int, side: str) -> None:
    # To first order: of fewer examples than features, where these have a spectrum that falls, as those of examples do.
    deviations = 1 / torch.arange(1, f + 1)
    x, y = deviations * _features(n, f), deviations * (1.5 * _features(m, f, seed=1) + 0.3)
    found = frechet_estimate(x, y)
    rows, influences = (x, found.by_real_N) if side == "real" else (y, found.by_sample_S)
    changes = []
    for i in range(len(rows)):
        rest = torch.cat([rows[:i], rows[i + 1 :]])
        changes.append((frechet_distance(rest, y) if side == "real" else frechet_distance(x, rest)) - found.value)
    predicted = -influences.numpy() / (len(rows) - 1)
    assert np.corrcoef(predicted, changes)[0, 1] > 0.99
    assert np.polyfit(predicted, changes, 1)[0] == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize(("n", "f"), [(60, 5), (10, 30)])
def test_influences_have_a_mean_of_zero_and_one_entry_an_image(n: int, f: int) -> None:
    found = frechet_estimate(_features(n, f), 2 * _features(n + 3, f, seed=1) + 1)
    assert found.by_real_N.shape == (n,)
    assert found.by_sample_S.shape == (n + 3,)
    for influences in (found.by_real_N, found.by_sample_S):
        assert influences.mean().item() == pytest.approx(0, abs=1e-9)
        assert influences.std() > 0


def test_the_standard_error_is_about_the_spread_over_draws_of_examples() -> None:
    found = [frechet_estimate(_features(200, 4, seed), 1.2 * _features(150, 4, 1000 + seed) + 1) for seed in range(150)]
    spread = np.std([estimate.value for estimate in found])
    assert np.mean([estimate.standard_error for estimate in found]) == pytest.approx(spread, rel=0.2)


def test_features_that_depend_on_each_other_have_finite_influences() -> None:
    x, y = _features(), 2 * _features(seed=1)
    doubled = frechet_estimate(torch.cat([x, x], 1), torch.cat([y, y], 1))
    # Each feature counts twice in the distance and in every influence.
    single = frechet_estimate(x, y)
    assert doubled.value == pytest.approx(2 * single.value, rel=1e-6)
    torch.testing.assert_close(doubled.by_real_N, 2 * single.by_real_N)
    torch.testing.assert_close(doubled.by_sample_S, 2 * single.by_sample_S)


@pytest.mark.parametrize("f", [1, 5, 30])
def test_the_trace_is_that_of_scipy_s_root(f: int) -> None:
    covariances = [some.T.cov() if f > 1 else some.var(0)[:, None] for some in (_features(40, f), _features(50, f, 1))]
    mixed = _features(f, f, 2)
    covariances[1] = mixed @ covariances[1] @ mixed.T
    expected = np.trace(sqrtm((covariances[0] @ covariances[1]).numpy()).real)
    assert frechet_trace(*covariances) == pytest.approx(expected, rel=1e-7)


def test_the_trace_of_covariances_without_full_rank_is_known() -> None:
    # Of diagonal matrices it is the sum of the products of deviations.
    x, y = torch.tensor([4.0, 9.0, 0.0]).double().diag(), torch.tensor([1.0, 0.0, 25.0]).double().diag()
    assert frechet_trace(x, y) == pytest.approx(2)


def _without_bias(x: Tensor, y: Tensor, seed: int = 0) -> Extrapolation:
    found = frechet_without_bias(x, y, generator=torch.Generator().manual_seed(seed))
    assert found is not None
    return found


def test_draws_of_one_distribution_are_at_no_distance_once_the_bias_is_taken_off() -> None:
    draws = [(_features(240, 8, seed), _features(240, 8, 1000 + seed)) for seed in range(20)]
    plain = np.array([frechet_distance(*draw) for draw in draws])
    found = np.array([_without_bias(*draw).value for draw in draws])
    assert plain.min() > 0
    assert abs(found.mean()) < 0.15 * plain.mean()
    assert abs(found.mean()) < 4 * found.std() / 20**0.5
    # By chance it is below 0 too.
    assert found.min() < 0 < found.max()


def test_other_gaussians_are_at_about_the_distance_that_is_known() -> None:
    deviations = torch.linspace(0.5, 2, 8).double()
    truth = 8 * 0.25**2 + (deviations - 1).square().sum().item()
    draws = [(_features(400, 8, seed), deviations * _features(400, 8, 1000 + seed) + 0.25) for seed in range(12)]
    found = np.array([_without_bias(*draw).value for draw in draws])
    assert found.mean() == pytest.approx(truth, abs=4 * found.std() / 12**0.5)
    assert found.mean() == pytest.approx(truth, rel=0.05)


def test_what_was_measured_goes_from_half_of_the_examples_to_all_of_them() -> None:
    x, y = _features(100), 1.5 * _features(100, seed=1)
    found = _without_bias(x, y)
    assert found.sizes == (50, 60, 70, 80, 90, 100)
    assert len(found.distances) == 6
    assert found.distances[-1] == pytest.approx(frechet_distance(x, y), rel=1e-9)
    assert found.slope > 0
    # The line that they lie about.
    slope, value = np.polyfit(1 / np.array(found.sizes), found.distances, 1)
    assert (found.slope, found.value) == pytest.approx((slope, value))


def test_the_smaller_set_decides_how_many_are_drawn_of_both() -> None:
    assert _without_bias(_features(100), _features(60, seed=1)).sizes == (30, 36, 42, 48, 54, 60)
    assert _without_bias(_features(60), _features(100, seed=1)).sizes == (30, 36, 42, 48, 54, 60)


def test_the_generator_alone_decides_what_is_left_out() -> None:
    x, y = _features(100), _features(100, seed=1)
    assert _without_bias(x, y) == _without_bias(x, y)
    assert _without_bias(x, y) != _without_bias(x, y, seed=1)


@pytest.mark.parametrize(("n", "m"), [(11, 100), (100, 11), (10, 10), (2, 2)])
def test_half_of_the_examples_no_more_than_the_features_are_too_few(n: int, m: int) -> None:
    assert frechet_without_bias(_features(n), _features(m, seed=1), generator=torch.Generator()) is None


def test_half_of_the_examples_more_than_the_features_are_enough() -> None:
    assert frechet_without_bias(_features(12), _features(12, seed=1), generator=torch.Generator()) is not None


@pytest.mark.parametrize("bad", [torch.zeros(1, 5), torch.full((99, 5), torch.nan)], ids=["one row", "not a number"])
def test_features_that_have_no_distance_have_no_influences_and_no_extrapolation(bad: Tensor) -> None:
    with pytest.raises(DataError, match="the second set of features"):
        frechet_estimate(_features(), bad)
    with pytest.raises(DataError, match="the first set of features"):
        frechet_without_bias(bad, _features(), generator=torch.Generator())
