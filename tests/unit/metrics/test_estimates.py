import pytest
import torch
from torch import Tensor

from lds_mlflow.metrics import Estimate, bootstrap_deviations, estimates
from lds_mlflow.metrics.estimates import mean_estimate, share_by_membership


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _influences(n: int, figures: int = 1, seed: int = 0) -> Tensor:
    rows = torch.randn(n, figures, generator=_generator(seed), dtype=torch.float64)
    return rows - rows.mean(0)


def test_the_mean_of_a_value_of_every_sample_has_their_deviations_as_influences() -> None:
    found = mean_estimate(torch.tensor([1.0, 2.0, 6.0]), n_real=2)
    assert found.value == 3
    assert found.by_sample_S.tolist() == [-2, -1, 3]
    assert found.by_real_N.tolist() == [0, 0]
    assert found.by_sample_S.dtype == found.by_real_N.dtype == torch.float64


def test_the_standard_error_of_a_mean_is_the_one_of_the_books() -> None:
    values = torch.tensor([1.0, 2.0, 6.0, 7.0])
    assert mean_estimate(values, n_real=2).standard_error == pytest.approx(values.std().item() / 2)


def test_the_errors_by_real_examples_and_by_samples_add_as_squares() -> None:
    real, samples = _influences(30)[:, 0], _influences(50, seed=1)[:, 0]
    none = torch.zeros(9, dtype=torch.float64)
    both, first, second = Estimate(0, real, samples), Estimate(0, real, none), Estimate(0, none, samples)
    assert both.standard_error**2 == pytest.approx(first.standard_error**2 + second.standard_error**2)


@pytest.mark.parametrize("n", [0, 1])
def test_an_example_alone_has_no_error(n: int) -> None:
    assert Estimate(1, torch.zeros(n).double(), torch.zeros(n).double()).standard_error == 0


def test_deviations_have_a_row_a_replicate_and_a_column_a_figure() -> None:
    found = bootstrap_deviations(_influences(30, 4), replicates=7, generator=_generator())
    assert found.shape == (7, 4)
    assert found.dtype == torch.float64


def test_a_deviation_is_the_mean_influence_of_the_examples_that_are_drawn() -> None:
    influences = _influences(30, 2)
    found = bootstrap_deviations(influences, replicates=5, generator=_generator())
    drawn = torch.randint(30, (5, 30), generator=_generator())
    torch.testing.assert_close(found, influences[drawn].mean(1))


def test_the_same_state_draws_the_same_examples_for_other_figures() -> None:
    influences = _influences(40, 3)
    together = bootstrap_deviations(influences, replicates=50, generator=_generator())
    alone = bootstrap_deviations(influences[:, 1:2], replicates=50, generator=_generator())
    torch.testing.assert_close(together[:, 1:2], alone)
    # So models that differ by little differ by little in every replicate.
    other = bootstrap_deviations(
        influences[:, 1:2] + 0.01 * _influences(40, 1, 1), replicates=50, generator=_generator()
    )
    assert (other - alone).abs().max() < 0.01
    assert not torch.equal(alone, bootstrap_deviations(influences[:, 1:2], replicates=50, generator=_generator(1)))


@pytest.mark.parametrize("entries", [1, 40, 41, 80, 39 * 40, 10**6])
def test_how_many_are_drawn_at_once_does_not_matter(monkeypatch: pytest.MonkeyPatch, entries: int) -> None:
    influences = _influences(40, 3)
    whole = bootstrap_deviations(influences, replicates=37, generator=_generator())
    monkeypatch.setattr(estimates, "_DRAWN_AT_ONCE", entries)
    some = bootstrap_deviations(influences, replicates=37, generator=_generator())
    torch.testing.assert_close(some, whole, rtol=0, atol=1e-14)


def test_deviations_spread_as_the_standard_error_says() -> None:
    influences = _influences(200).square()[:, 0]
    influences -= influences.mean()
    estimate = Estimate(0, torch.zeros(5, dtype=torch.float64), influences)
    found = bootstrap_deviations(influences[:, None], replicates=5000, generator=_generator())
    assert found.std().item() == pytest.approx(estimate.standard_error, rel=0.05)
    assert abs(found.mean().item()) < 4 * estimate.standard_error / 5000**0.5


def test_rows_that_hang_on_no_column_leave_the_columns_without_influence() -> None:
    rows, columns = share_by_membership(torch.tensor([1.0, 0.0, 1.0, 0.0]), torch.zeros(3), 1)
    assert rows.tolist() == [0.5, -0.5, 0.5, -0.5]
    assert columns.tolist() == [0, 0, 0]


def test_a_column_that_more_hangs_on_than_noise_explains_has_influence() -> None:
    # Ten rows hang on the first of four columns, which takes 10 / 20 from the mean where it is left out: an influence
    # of 4 * 0.5, of which the others' 0 are the opposite. Noise explains 4 / 20 * 0.5 of the variance of 1.
    rows, columns = share_by_membership(torch.tensor([1.0] * 10 + [0.0] * 10), torch.tensor([10.0, 0, 0, 0]), 1)
    kept = (1 - 4 / 20 * 0.5) ** 0.5
    assert columns.tolist() == pytest.approx([1.5 * kept, -0.5 * kept, -0.5 * kept, -0.5 * kept])
    assert rows.tolist() == [0.5] * 10 + [-0.5] * 10


def test_columns_that_differ_by_no_more_than_noise_have_no_influence() -> None:
    # Counts of a mean of 2 and a variance of less than that.
    _, columns = share_by_membership(torch.ones(40), torch.tensor([1.0, 2.0, 3.0, 2.0, 2.0]), 1)
    assert columns.tolist() == [0] * 5


@pytest.mark.parametrize("hanging", [torch.tensor([3.0]), torch.full((4,), 3.0)], ids=["one column", "all alike"])
def test_columns_that_do_not_differ_have_no_influence(hanging: Tensor) -> None:
    _, columns = share_by_membership(torch.tensor([1.0, 0.0]), hanging, 1)
    assert columns.tolist() == [0] * len(hanging)


def test_a_row_that_loses_half_counts_half() -> None:
    value, hanging = torch.rand(20, generator=_generator()), torch.tensor([9.0, 0, 1, 0, 4])
    whole, half = share_by_membership(value, hanging, 1), share_by_membership(value / 2, hanging / 2, 0.5)
    for one, other in zip(whole, half, strict=True):
        torch.testing.assert_close(one / 2, other)


def test_shares_by_random_membership_have_honest_errors() -> None:
    """Rows are members of one of few columns; a column that wasn't drawn takes its rows with it."""
    # Each of 400 rows picks one of 60 places, of which half have a column, by chance: so the share of rows in a column
    # varies with both.
    found, errors = [], []
    for seed in range(300):
        generator = _generator(seed)
        places = torch.randint(60, (30,), generator=generator)
        rows = torch.randint(60, (400,), generator=generator)
        members = rows[:, None] == places
        held = members.any(1)
        hanging = (members & (members.sum(1, keepdim=True) == 1)).sum(0)
        by_row, by_column = share_by_membership(held.double(), hanging, 1)
        found.append(held.double().mean())
        errors.append(Estimate(0, by_row, by_column).standard_error)
    assert torch.tensor(errors).mean().item() == pytest.approx(torch.stack(found).std().item(), rel=0.3)
