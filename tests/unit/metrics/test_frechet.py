import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from lds_mlflow.data import load_digits
from lds_mlflow.errors import DataError
from lds_mlflow.metrics import frechet_distance

laws = settings(max_examples=10, deadline=None)


def _features(n: int = 60, f: int = 5, seed: int = 0) -> Tensor:
    return torch.randn(n, f, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture(scope="module")
def halves() -> tuple[Tensor, Tensor]:
    """Two disjoint halves of the digits, float [N, 1, 8, 8] in 0..1."""
    digits = load_digits().images_NCHW.float() / 255
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


def test_real_images_are_near_other_real_images(halves: tuple[Tensor, Tensor]) -> None:
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
