from typing import Protocol

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from torch import Tensor

from lds_mlflow.metrics import balls
from lds_mlflow.metrics.balls import Balls, balls_around, comparable, count_inside, nearest, sum_inside

laws = settings(max_examples=15, deadline=None)

Array = NDArray[np.float64]


class Make(Protocol):
    def __call__(self, n: int, *, seed: int = 0) -> Tensor: ...


def _gaussian(n: int, f: int = 4, seed: int = 0) -> Tensor:
    return torch.randn(n, f, generator=torch.Generator().manual_seed(seed))


def _grid(n: int, f: int = 3, seed: int = 0) -> Tensor:
    """Points of which many are the same, and most distances tie."""
    return torch.randint(0, 3, (n, f), generator=torch.Generator().manual_seed(seed)).float()


def _hairs(n: int, f: int = 64, seed: int = 0) -> Tensor:
    """Points that lie nearer to each other than a product in float32 can tell."""
    return 1 + 1e-4 * _gaussian(n, f, seed)


def _dense(x_NF: Tensor, y_MF: Tensor) -> Array:
    return np.asarray(cdist(x_NF.double().numpy(), y_MF.double().numpy()))


def _among(x_NF: Tensor) -> Array:
    distances = _dense(x_NF, x_NF)
    np.fill_diagonal(distances, np.inf)
    return distances


def _assert_nearest(x_NF: Tensor, y_MF: Tensor, n: int) -> None:
    dense = _dense(x_NF, y_MF)
    distances, rows = nearest(x_NF, y_MF, n)
    assert distances.shape == rows.shape == (len(x_NF), n)
    assert distances.dtype == torch.float64
    np.testing.assert_allclose(distances.numpy(), np.sort(dense, axis=1)[:, :n], rtol=1e-12, atol=1e-12)
    # Where distances tie any of the rows will do, but each only once.
    np.testing.assert_allclose(np.take_along_axis(dense, rows.numpy(), 1), distances.numpy(), rtol=1e-12, atol=1e-12)
    assert all(len(set(some)) == n for some in rows.tolist())


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize("make", [_gaussian, _grid, _hairs])
def test_the_nearest_are_those_of_all_distances(make: Make, n: int) -> None:
    _assert_nearest(make(60), make(80, seed=1), n)


@pytest.mark.parametrize("make", [_gaussian, _grid, _hairs])
def test_the_nearest_of_a_set_in_itself_is_at_no_distance(make: Make) -> None:
    x = make(60)
    assert nearest(x, x)[0].flatten().tolist() == [0.0] * 60
    _assert_nearest(x, x, 2)


def test_a_copy_is_found_among_many_that_are_nearly_the_same() -> None:
    crowd = _hairs(200)
    distances, rows = nearest(crowd[::2], crowd)
    assert distances.max() == 0
    assert rows.flatten().tolist() == list(range(0, 200, 2))


def test_where_no_distances_tie_the_rows_are_those_of_the_smallest() -> None:
    x, y = _gaussian(40), _gaussian(50, seed=1)
    assert nearest(x, y, 2)[1].tolist() == _dense(x, y).argsort(1)[:, :2].tolist()


@pytest.mark.parametrize("m", [1, 2, 4])
def test_no_more_points_than_are_asked_for_are_enough(m: int) -> None:
    _assert_nearest(_gaussian(9), _gaussian(m, seed=1), m)


@laws
@given(n=st.integers(1, 20), m=st.integers(2, 20), seed=st.integers(0, 99), scale=st.floats(1e-3, 1e3))
def test_the_nearest_are_those_of_all_distances_at_any_scale(n: int, m: int, seed: int, scale: float) -> None:
    x, y = scale * _gaussian(n, seed=seed), scale * _gaussian(m, seed=seed + 1)
    np.testing.assert_allclose(nearest(x, y)[0][:, 0].numpy(), _dense(x, y).min(1), rtol=1e-12)


@pytest.mark.parametrize("k", [1, 3, 5])
def test_a_ball_reaches_to_the_k_th_nearest_other(k: int) -> None:
    x = _gaussian(60)
    found, dense = balls_around(x, k), _among(x)
    assert torch.equal(found.centres_NF, x)
    np.testing.assert_allclose(found.radius_N.numpy(), np.sort(dense, axis=1)[:, k - 1], rtol=1e-6)
    np.testing.assert_allclose(found.next_N.numpy(), np.sort(dense, axis=1)[:, k], rtol=1e-4)
    assert [sorted(rows) for rows in found.nearest_Nk.tolist()] == np.sort(dense.argsort(1)[:, :k]).tolist()


@pytest.mark.parametrize("make", [_grid, _hairs])
def test_radii_are_exact_where_distances_tie_or_nearly_so(make: Make) -> None:
    x = make(80)
    expected = np.sort(_among(x), axis=1)[:, 2]
    np.testing.assert_allclose(balls_around(x, 3).radius_N.numpy(), expected, rtol=1e-6)


def test_of_copies_each_is_the_others_nearest() -> None:
    x = torch.cat([_gaussian(10), _gaussian(10)])
    found = balls_around(x, 1)
    assert found.radius_N.tolist() == [0.0] * 20
    assert found.nearest_Nk.flatten().tolist() == [(i + 10) % 20 for i in range(20)]


def test_without_another_point_there_is_no_next_one() -> None:
    found = balls_around(_gaussian(4), 3)
    assert found.next_N.tolist() == [torch.inf] * 4
    assert found.radius_N.isfinite().all()


def test_a_ball_has_the_type_of_the_features() -> None:
    assert balls_around(_gaussian(9).double(), 2).radius_N.dtype == torch.float64
    assert balls_around(_gaussian(9), 2).radius_N.dtype == torch.float32


def _inside(found: Balls, points_MF: Tensor) -> NDArray[np.bool_]:
    return np.asarray(_dense(found.centres_NF, points_MF) < found.radius_N.double().numpy()[:, None])


def test_counts_are_those_of_a_dense_table() -> None:
    found, points = balls_around(_gaussian(60), 5), _gaussian(80, seed=1)
    per_ball, per_point = count_inside(found, points)
    assert per_ball.tolist() == _inside(found, points).sum(1).tolist()
    assert per_point.tolist() == _inside(found, points).sum(0).tolist()


def test_a_ball_is_open() -> None:
    points = torch.tensor([[0.0], [0.5], [1.0]])
    per_ball, per_point = count_inside(balls_around(torch.tensor([[0.0], [1.0]]), 1), points)
    assert per_ball.tolist() == [2, 2]
    assert per_point.tolist() == [1, 2, 1]


def test_sums_are_those_of_a_dense_table() -> None:
    found, points = balls_around(_gaussian(60), 5), _gaussian(80, seed=1)
    weight_N, weight_M = torch.arange(60), torch.arange(80) % 7 == 0
    inside = _inside(found, points)
    per_ball, per_point = sum_inside(found, points, weight_N, weight_M)
    assert per_ball.dtype == per_point.dtype == torch.float64
    assert per_ball.tolist() == (inside @ weight_M.double().numpy()).tolist()
    assert per_point.tolist() == (weight_N.double().numpy() @ inside).tolist()


def test_sums_of_ones_are_counts() -> None:
    found, points = balls_around(_grid(60), 5), _grid(80, seed=1)
    for sums, counts in zip(
        sum_inside(found, points, torch.ones(60), torch.ones(80)), count_inside(found, points), strict=True
    ):
        assert sums.tolist() == counts.tolist()
        assert counts.sum() > 0


@pytest.mark.parametrize("entries", [1, 59, 60, 175])
@pytest.mark.parametrize("make", [_gaussian, _grid, _hairs])
def test_the_size_of_a_tile_does_not_matter(monkeypatch: pytest.MonkeyPatch, make: Make, entries: int) -> None:
    x, y = make(60), make(60, seed=1)
    weights = torch.arange(60)

    def everything() -> list[Tensor]:
        found = balls_around(x, 3)
        sums = sum_inside(found, y, weights, weights)
        return [nearest(x, y, 2)[0], found.radius_N, *count_inside(found, y), *sums]

    whole = everything()
    monkeypatch.setattr(balls, "_TILE_ENTRIES", entries)
    monkeypatch.setattr(balls, "_EXACT_ENTRIES", 3 * entries)
    for tiled, expected in zip(everything(), whole, strict=True):
        assert torch.equal(tiled, expected)


def test_sets_far_from_the_origin_are_brought_to_it_together() -> None:
    x, y = comparable(_gaussian(50) + 1000, _gaussian(40, seed=1) + 1000)
    assert x.mean(0).abs().max() < 1e-2
    torch.testing.assert_close(torch.cdist(x, y), torch.cdist(_gaussian(50), _gaussian(40, seed=1)), atol=1e-3, rtol=0)


def test_sets_around_the_origin_stay_where_they_are() -> None:
    x, y = _gaussian(50), _gaussian(40, seed=1)
    assert comparable(x, y) == (x, y)
