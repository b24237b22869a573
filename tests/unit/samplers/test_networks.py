from collections.abc import Mapping

import torch
from torch import Tensor

from lds_mlflow.models import Posterior
from lds_mlflow.samplers.networks import drawn_rows, fit_perceptron, moments, perceptron, weights_of
from lds_mlflow.values import LatentDistribution


def _line(weights: Mapping[str, Tensor], generator: torch.Generator) -> Tensor:
    x = torch.randn(64, 1, generator=generator)
    return (perceptron(weights, x) - (2 * x + 1)).square().mean()


def test_a_perceptron_learns_a_line() -> None:
    fitted = fit_perceptron(1, 1, _line, steps=150)
    x = torch.tensor([[-1.0], [0.0], [1.0]])
    torch.testing.assert_close(perceptron(fitted, x), 2 * x + 1, rtol=0, atol=0.15)


def test_the_same_fit_gives_the_same_weights() -> None:
    first, second = (fit_perceptron(1, 1, _line, steps=3) for _ in range(2))
    assert all(torch.equal(first[name], second[name]) and not first[name].requires_grad for name in first)


def test_the_weights_of_a_distribution_are_those_of_its_perceptron() -> None:
    fitted = fit_perceptron(1, 1, _line, steps=1)
    distribution = LatentDistribution("flow", "", {"mean": torch.zeros(1), **fitted}, {})
    assert weights_of(distribution) == fitted


def test_moments_are_those_of_the_aggregate_posterior() -> None:
    z_ND = torch.tensor([[0.0, 1.0], [4.0, 1.0]])
    mean, scale = moments(Posterior(z_ND, torch.full((2, 2), 5.0).log()))
    assert mean.tolist() == [2.0, 1.0]
    torch.testing.assert_close(scale, torch.tensor([9.0, 5.0]).sqrt())
    # Without a variance, a coordinate may be the same in all latents.
    assert moments(Posterior(z_ND))[1].min() > 0


def test_rows_are_drawn_of_the_posteriors_of_random_examples() -> None:
    z_ND = torch.arange(3.0)[:, None].expand(3, 2)
    drawn = drawn_rows(Posterior(z_ND), 300, torch.Generator().manual_seed(0))
    assert drawn.unique(dim=0).tolist() == z_ND.tolist()
    noisy = drawn_rows(Posterior(z_ND, torch.full((3, 2), -4.0)), 300, torch.Generator().manual_seed(0))
    assert 0.1 < (noisy - drawn).std().item() < 0.17
