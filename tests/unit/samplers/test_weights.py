import pytest
import torch

from lds_mlflow.samplers.weights import mean_by, picked, running_sum


def test_each_is_picked_with_the_probability_of_its_weight_and_none_of_weight_zero() -> None:
    cumulative = running_sum(torch.tensor([0.0, 0.2, 0.0, 0.8, 0.0]))
    drawn = torch.rand(3000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    shares = picked(cumulative, drawn).bincount(minlength=5) / 3000
    # 4 standard errors.
    assert shares.tolist() == pytest.approx([0, 0.2, 0, 0.8, 0], abs=0.03)
    assert shares[[0, 2, 4]].tolist() == [0, 0, 0]


def test_a_running_sum_that_rounding_leaves_below_1_picks_the_last() -> None:
    assert picked(
        torch.tensor([0.0, 1e-9], dtype=torch.float64), torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64)
    ).tolist() == [1, 1, 1]


def test_a_mean_counts_weights() -> None:
    means = torch.tensor([[0.0, 1.0], [10.0, 1.0]])
    assert mean_by(running_sum(torch.tensor([0.25, 0.75])), means).tolist() == [7.5, 1.0]
