from typing import Literal

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lds_mlflow.errors import DataError
from lds_mlflow.metrics import kernel, kernel_distance

laws = settings(max_examples=15, deadline=None)


def _gaussian(n: int, f: int = 4, seed: int = 0) -> Tensor:
    return torch.randn(n, f, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_a_case_that_can_be_computed_by_hand() -> None:
    # k(0, 1) = 1 and k(1, 2) = 27; across the sets there are 1, 1, 8 and 27.
    found = kernel_distance(torch.tensor([[0.0], [1.0]]), torch.tensor([[1.0], [2.0]]))
    assert found.value == pytest.approx(1 + 27 - 2 * (1 + 1 + 8 + 27) / 4)


def test_draws_of_one_distribution_are_at_no_distance_in_the_mean_and_some_are_below_zero() -> None:
    found = np.array([kernel_distance(_gaussian(30, seed=i), _gaussian(20, seed=1000 + i)).value for i in range(300)])
    assert abs(found.mean()) < 3 * found.std() / len(found) ** 0.5
    assert found.min() < 0 < found.max()


def test_the_distance_does_not_shrink_with_the_number_of_examples() -> None:
    few, many = (
        np.mean([kernel_distance(_gaussian(n, seed=i), 1.3 * _gaussian(n, seed=1000 + i)).value for i in range(draws)])
        for n, draws in ((15, 600), (300, 30))
    )
    assert many > 0
    assert few == pytest.approx(many, rel=0.15)


def test_what_is_another_distribution_is_far_beyond_the_standard_error() -> None:
    found = kernel_distance(_gaussian(200), _gaussian(200, seed=1) + 1)
    assert found.value > 5 * found.standard_error > 0


@laws
@given(n=st.integers(2, 20), m=st.integers(2, 20), seed=st.integers(0, 99))
def test_the_distance_is_symmetric_and_so_are_its_influences(n: int, m: int, seed: int) -> None:
    x, y = _gaussian(n, seed=seed), 2 * _gaussian(m, seed=seed + 1)
    forwards, backwards = kernel_distance(x, y), kernel_distance(y, x)
    assert forwards.value == pytest.approx(backwards.value, rel=1e-9, abs=1e-9)
    torch.testing.assert_close(forwards.by_real_N, backwards.by_sample_S)
    torch.testing.assert_close(forwards.by_sample_S, backwards.by_real_N)


@laws
@given(seed=st.integers(0, 99))
def test_the_order_of_examples_changes_the_order_of_influences_alone(seed: int) -> None:
    x, y = _gaussian(30, seed=seed), 2 * _gaussian(20, seed=seed + 1)
    straight, flipped = kernel_distance(x, y), kernel_distance(x.flip(0), y.flip(0))
    assert flipped.value == pytest.approx(straight.value, rel=1e-9, abs=1e-9)
    torch.testing.assert_close(flipped.by_real_N.flip(0), straight.by_real_N)
    torch.testing.assert_close(flipped.by_sample_S.flip(0), straight.by_sample_S)


@pytest.mark.parametrize("entries", [1, 35, 36, 140])
def test_the_size_of_a_tile_does_not_matter(monkeypatch: pytest.MonkeyPatch, entries: int) -> None:
    x, y = _gaussian(50), 2 * _gaussian(35, seed=1)
    whole = kernel_distance(x, y)
    monkeypatch.setattr(kernel, "_TILE_ENTRIES", entries)
    tiled = kernel_distance(x, y)
    assert tiled.value == pytest.approx(whole.value, rel=1e-12)
    torch.testing.assert_close(tiled.by_real_N, whole.by_real_N)
    torch.testing.assert_close(tiled.by_sample_S, whole.by_sample_S)


def test_single_precision_features_lose_no_digits() -> None:
    x, y = _gaussian(50).float(), _gaussian(35, seed=1).float()
    assert kernel_distance(x, y).value == kernel_distance(x.double(), y.double()).value


def test_influences_have_a_mean_of_zero() -> None:
    found = kernel_distance(_gaussian(50), 2 * _gaussian(35, seed=1) + 1)
    assert found.by_real_N.shape == (50,)
    assert found.by_sample_S.shape == (35,)
    for influences in (found.by_real_N, found.by_sample_S):
        assert influences.std() > 0
        assert influences.mean().item() == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("side", ["real", "fake"])
def test_an_influence_is_what_leaving_the_example_out_changes(side: Literal["real", "fake"]) -> None:
    x, y = _gaussian(80), 1.5 * _gaussian(70, seed=1) + 0.5
    found = kernel_distance(x, y)
    rows, influences = (x, found.by_real_N) if side == "real" else (y, found.by_sample_S)
    changes = []
    for i in range(len(rows)):
        rest = torch.cat([rows[:i], rows[i + 1 :]])
        without = kernel_distance(rest, y) if side == "real" else kernel_distance(x, rest)
        changes.append(without.value - found.value)
    predicted = -influences.numpy() / (len(rows) - 1)
    assert np.corrcoef(predicted, changes)[0, 1] > 0.99
    assert np.polyfit(predicted, changes, 1)[0] == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(
    ("bad", "found"),
    [
        (torch.zeros(1, 4), "1 real examples and 9 samples, or features that are not finite"),
        (torch.zeros(0, 4), "0 real examples and 9 samples, or features that are not finite"),
        (torch.full((9, 4), torch.nan), "9 real examples and 9 samples, or features that are not finite"),
        (torch.full((9, 4), torch.inf), "9 real examples and 9 samples, or features that are not finite"),
    ],
    ids=["one row", "no row", "not a number", "infinite"],
)
def test_features_that_have_no_distance_are_refused_on_both_sides(bad: Tensor, found: str) -> None:
    with pytest.raises(DataError) as caught:
        kernel_distance(bad, _gaussian(9))
    assert caught.value.what == "the kernel distance"
    assert caught.value.found == found
    assert caught.value.expected == "at least 2 of each, of finite numbers"
    assert "Evaluate more samples" in caught.value.remedy
    with pytest.raises(DataError, match="the kernel distance"):
        kernel_distance(_gaussian(9), bad)
