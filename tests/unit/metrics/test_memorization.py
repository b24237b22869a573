import numpy as np
import pytest
import torch
from scipy.stats import rankdata
from torch import Tensor

from lds_mlflow.metrics import Memorization, data_copying, memorization

N = 400


def _gaussian(n: int, f: int = 6, seed: int = 0) -> Tensor:
    return torch.randn(n, f, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def train() -> Tensor:
    return _gaussian(N, seed=1)


@pytest.fixture(scope="module")
def held_out() -> Tensor:
    return _gaussian(N, seed=2)


@pytest.fixture(scope="module")
def copied(train: Tensor, held_out: Tensor) -> Memorization:
    """What training examples in reverse are found to be, all but exactly."""
    return memorization(train.flip(0) + 1e-3 * _gaussian(N, seed=3), train, held_out)


@pytest.fixture(scope="module")
def fresh(train: Tensor, held_out: Tensor) -> Memorization:
    return memorization(_gaussian(N, seed=4), train, held_out)


def _values(found: Memorization) -> dict[str, float]:
    return {name: value for name, value in found.figures.items() if name != "data_copying"}


def _distances(x_NF: Tensor, y_MF: Tensor) -> Tensor:
    return (x_NF.double()[:, None] - y_MF.double()).square().sum(2).sqrt()


def test_copies_of_training_examples_are_found(copied: Memorization) -> None:
    found = _values(copied)
    assert found["authenticity"] < 0.01
    assert found["nearest_ratio"] < 0.01
    assert found["tail_share"] == 1
    assert copied.data_copying < -3


def test_a_copy_is_close_to_the_row_that_it_is_a_copy_of(copied: Memorization) -> None:
    assert copied.nearest_train_S.tolist() == list(reversed(range(N)))
    assert copied.closeness_S.max() < 0.1


def test_exact_copies_are_at_no_distance(train: Tensor, held_out: Tensor) -> None:
    exact = memorization(train, train, held_out)
    assert _values(exact) == {"authenticity": 0, "nearest_ratio": 0, "tail_share": 1}
    assert exact.closeness_S.tolist() == [0.0] * N


def test_fresh_examples_are_no_nearer_than_held_out_ones(fresh: Memorization) -> None:
    found = _values(fresh)
    # An example's nearest other is as far away as a fresh example's, in the mean over rows that are often the nearest.
    assert 0.4 < found["authenticity"] < 0.8
    assert found["nearest_ratio"] == pytest.approx(1, abs=3 * fresh.estimates["nearest_ratio"].standard_error)
    assert found["tail_share"] == pytest.approx(0.01, abs=3 * fresh.estimates["tail_share"].standard_error)
    assert abs(fresh.data_copying) < 2


def test_some_copies_among_fresh_examples_are_the_closest_ones(train: Tensor, held_out: Tensor) -> None:
    some = torch.cat([train[:20] + 1e-3 * _gaussian(20, seed=3), _gaussian(N - 20, seed=4)])
    found = memorization(some, train, held_out)
    assert sorted(found.closeness_S.argsort()[:20].tolist()) == list(range(20))
    assert found.nearest_train_S[:20].tolist() == list(range(20))
    assert abs(found.data_copying) < 3
    # What the mean over all samples does not show, the tail does.
    assert _values(found)["nearest_ratio"] > 0.9
    assert 20 / N <= _values(found)["tail_share"] < 30 / N


def test_noise_far_away_is_underfitting_and_no_copy(train: Tensor, held_out: Tensor) -> None:
    noise = memorization(5 * _gaussian(N, seed=4), train, held_out)
    assert noise.data_copying > 3
    assert _values(noise)["authenticity"] == 1
    assert _values(noise)["nearest_ratio"] > 2
    assert _values(noise)["tail_share"] == 0


def test_closeness_is_the_distance_over_that_to_the_next_training_image(fresh: Memorization, train: Tensor) -> None:
    distances = _distances(_gaussian(N, seed=4), train)
    among = _distances(train, train).fill_diagonal_(torch.inf)
    assert fresh.nearest_train_S.tolist() == distances.argmin(1).tolist()
    spacing = among.min(1).values[distances.argmin(1)]
    np.testing.assert_allclose(fresh.closeness_S.numpy(), distances.min(1).values / spacing, rtol=1e-5)
    assert _values(fresh)["authenticity"] == pytest.approx((distances.min(1).values > spacing).double().mean().item())


def test_the_ratio_can_be_done_by_hand_with_its_influences() -> None:
    train, held_out = torch.tensor([[0.0], [10.0]]), torch.tensor([[2.0], [14.0]])
    found = memorization(torch.tensor([[1.0], [11.0], [14.0]]), train, held_out).estimates["nearest_ratio"]
    # Samples lie at 1, 1 and 4, held-out examples at 2 and 4.
    assert found.value == pytest.approx(2 / 3)
    assert found.by_sample_S.tolist() == pytest.approx([-1 / 3, -1 / 3, 2 / 3])
    assert found.by_real_N.tolist() == pytest.approx([2 / 9, -2 / 9])


def test_the_tail_share_can_be_done_by_hand_with_its_influences() -> None:
    train, held_out = torch.tensor([[0.0], [-1000.0]]), 1 + torch.arange(199.0)[:, None]
    # Of 199 distances, the second is the first percentile, and the fourth is the second one. A sample that is as far
    # away as that is not nearer.
    found = memorization(torch.tensor([[0.5], [1.5], [2.0], [9.0]]), train, held_out).estimates["tail_share"]
    assert found.value == 0.5
    assert found.by_sample_S.tolist() == [0.5, 0.5, -0.5, -0.5]
    share = 2 / 199
    assert found.by_real_N.tolist() == pytest.approx([25 * (share - 1)] * 2 + [25 * share] * 197)


def test_of_few_held_out_examples_the_tail_begins_at_the_nearest() -> None:
    train, held_out = torch.tensor([[0.0], [-1000.0]]), 2 + torch.arange(10.0)[:, None]
    found = memorization(torch.tensor([[1.0], [2.0], [2.5], [9.0]]), train, held_out).estimates["tail_share"]
    assert found.value == 0.25


def test_copies_far_below_the_threshold_do_not_depend_on_it(train: Tensor, held_out: Tensor) -> None:
    some = torch.cat([train[:200] + 1e-3 * _gaussian(200, seed=3), 9 + _gaussian(200, seed=4)])
    found = memorization(some, train, held_out).estimates["tail_share"]
    assert found.value == 0.5
    assert found.by_real_N.tolist() == [0.0] * N


def test_the_standard_error_of_the_tail_share_holds_the_noise_of_its_threshold(train: Tensor) -> None:
    found = [
        memorization(_gaussian(N, seed=100 + i), train, _gaussian(N, seed=500 + i)).estimates["tail_share"]
        for i in range(40)
    ]
    values = np.array([one.value for one in found])
    assert values.mean() == pytest.approx(0.01, abs=0.004)
    errors = np.mean([one.standard_error for one in found])
    assert 0.6 * values.std() < errors < 1.6 * values.std()
    # From the samples alone it would be shorter.
    assert errors > 1.1 * (0.01 * 0.99 / N) ** 0.5


def test_influences_have_a_mean_of_zero_and_one_entry_an_image(fresh: Memorization) -> None:
    for estimate in fresh.estimates.values():
        assert estimate.by_real_N.shape == estimate.by_sample_S.shape == (N,)
        assert estimate.by_real_N.mean().item() == pytest.approx(0, abs=1e-12)
        assert estimate.by_sample_S.mean().item() == pytest.approx(0, abs=1e-12)
        assert estimate.by_sample_S.std() > 0


def test_duplicates_among_training_examples_leave_no_spacing_and_do_no_harm(held_out: Tensor) -> None:
    doubled = _gaussian(N // 2, seed=1).repeat(2, 1)
    found = memorization(torch.cat([doubled[:10], _gaussian(N - 10, seed=4)]), doubled, held_out)
    assert found.closeness_S[:10].tolist() == [0.0] * 10
    # Beside no spacing at all every distance is large.
    assert (found.closeness_S[10:] > 1).all()
    assert _values(found)["authenticity"] == pytest.approx(1 - 10 / N)


def test_training_examples_that_are_all_alike_do_no_harm(held_out: Tensor) -> None:
    found = memorization(_gaussian(N, seed=4), torch.ones(50, 6), held_out)
    assert _values(found)["authenticity"] == 1
    assert abs(found.data_copying) < 3


def test_fewer_training_examples_than_cells_are_enough(held_out: Tensor) -> None:
    found = memorization(_gaussian(N, seed=4), torch.tensor([[0.0] * 6, [1.0] * 6]), held_out)
    assert abs(found.data_copying) < 3
    assert set(found.nearest_train_S.tolist()) == {0, 1}


def test_where_the_origin_lies_changes_nothing(fresh: Memorization, train: Tensor, held_out: Tensor) -> None:
    moved = memorization(_gaussian(N, seed=4) + 1000, train + 1000, held_out + 1000)
    assert _values(moved) == pytest.approx(_values(fresh), rel=1e-3)
    assert moved.data_copying == pytest.approx(fresh.data_copying, rel=0.01)


def _mann_whitney_z(x: Tensor, y: Tensor) -> float:
    """The statistic by ranks, and its normal approximation with the variance that ties leave."""
    n, m = len(x), len(y)
    ranks = rankdata(torch.cat([x, y]).numpy())
    statistic = ranks[:n].sum() - n * (n + 1) / 2
    ties = np.unique(ranks, return_counts=True)[1]
    tied = (ties**3 - ties).sum() / ((n + m) * (n + m - 1))
    return float((statistic - n * m / 2) / np.sqrt(n * m / 12 * (n + m + 1 - tied)))


def _cell(n: int, cell: int = 0) -> Tensor:
    return torch.full((n,), cell)


@pytest.mark.parametrize("shift", [-1.0, -0.1, 0.0, 0.3, 2.0])
@pytest.mark.parametrize("levels", [1, 1000])
def test_one_cell_has_the_z_score_of_the_mann_whitney_test(shift: float, levels: int) -> None:
    # Rounded to few levels, many distances tie.
    x, y = (
        (levels * (_gaussian(n, 1, seed)[:, 0] + move)).round() / levels
        for n, seed, move in ((60, 0, shift), (50, 1, 0))
    )
    assert data_copying(x, y, _cell(60), _cell(50)) == pytest.approx(_mann_whitney_z(x, y), rel=1e-6, abs=1e-9)


def test_cells_weigh_as_many_held_out_examples_as_they_hold() -> None:
    x, y = _gaussian(90, 1, seed=0)[:, 0], _gaussian(100, 1, seed=1)[:, 0]
    x[60:] += 1
    first, second = _mann_whitney_z(x[:60], y[:20]), _mann_whitney_z(x[60:], y[20:])
    cells = torch.cat([_cell(60, 3), _cell(30, 7)]), torch.cat([_cell(20, 3), _cell(80, 7)])
    assert data_copying(x, y, *cells) == pytest.approx(0.2 * first + 0.8 * second, rel=1e-6)


def test_a_cell_of_few_examples_of_either_kind_is_left_out() -> None:
    x, y = _gaussian(79, 1, seed=0)[:, 0], _gaussian(79, 1, seed=1)[:, 0]
    cells = torch.cat([_cell(40, 0), _cell(20, 1), _cell(19, 2)]), torch.cat([_cell(40, 0), _cell(19, 1), _cell(20, 2)])
    assert data_copying(x, y, *cells) == pytest.approx(_mann_whitney_z(x[:40], y[:40]), rel=1e-6)


def test_without_a_cell_of_enough_examples_all_are_one() -> None:
    x, y = _gaussian(38, 1, seed=0)[:, 0], _gaussian(38, 1, seed=1)[:, 0] + 1
    cells = torch.cat([_cell(19, 0), _cell(19, 1)]), torch.cat([_cell(19, 0), _cell(19, 1)])
    assert data_copying(x, y, *cells) == pytest.approx(_mann_whitney_z(x, y), rel=1e-6)


def test_distances_that_are_all_alike_say_nothing() -> None:
    assert data_copying(torch.ones(30), torch.ones(30), _cell(30), _cell(30)) == 0


def test_copying_in_one_cell_is_not_made_good_by_noise_in_another() -> None:
    y = _gaussian(400, 1, seed=1)[:, 0].abs()
    cells = torch.cat([_cell(200, 0), _cell(200, 1)])
    x = torch.cat([0.01 * y[:200], y[200:]])
    assert data_copying(x, y, cells, cells) < -3
