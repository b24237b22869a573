from math import exp

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.distributions import Normal
from torch.distributions import kl_divergence as reference_kl

from lds_mlflow.models.stylegan import gaussian_nll, kl_divergence


def _pair(seed: int, shape: tuple[int, ...] = (3, 1, 4, 4)) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x, y = torch.randn(2, *shape, generator=generator, dtype=torch.float64)
    return x, y


def _nll(x: Tensor, y: Tensor, sigma: Tensor) -> Tensor:
    log_prob: Tensor = Normal(y, sigma).log_prob(x)
    return -log_prob.sum() / len(x)


def _optimal_sigma(x: Tensor, y: Tensor) -> Tensor:
    return (x - y).square().mean().sqrt()


@pytest.mark.parametrize("shape", [(1, 1, 4, 4), (5, 3, 2, 2)])
def test_the_reconstruction_loss_is_minus_the_log_likelihood_at_the_optimal_sigma(shape: tuple[int, ...]) -> None:
    x, y = _pair(0, shape)
    torch.testing.assert_close(gaussian_nll(x, y), _nll(x, y, _optimal_sigma(x, y)))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), factor=st.floats(0.2, 5))
def test_no_other_sigma_is_likelier(seed: int, factor: float) -> None:
    x, y = _pair(seed)
    assert gaussian_nll(x, y) <= _nll(x, y, factor * _optimal_sigma(x, y)) + 1e-9


def test_a_perfect_reconstruction_has_a_finite_loss_and_gradient() -> None:
    x = torch.rand(2, 1, 4, 4)
    y = x.clone().requires_grad_()
    loss = gaussian_nll(x, y)
    loss.backward()
    assert y.grad is not None
    assert loss.isfinite()
    assert y.grad.isfinite().all()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), scale=st.floats(0.01, 4))
def test_kl_is_that_of_torch_distributions(seed: int, scale: float) -> None:
    mean, log_variance = (scale * part[:, 0, 0] for part in _pair(seed, (3, 1, 1, 6)))
    reference = reference_kl(Normal(mean, torch.exp(0.5 * log_variance)), Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(kl_divergence(mean, log_variance), reference, rtol=1e-6, atol=1e-9)


def test_kl_is_zero_at_the_prior_and_above_it_elsewhere() -> None:
    zeros = torch.zeros(1, 4)
    assert kl_divergence(zeros, zeros).tolist() == [0.0]
    assert kl_divergence(zeros + 0.1, zeros) > 0
    assert kl_divergence(zeros, zeros - 0.1) > 0
    assert kl_divergence(torch.ones(1, 1), torch.ones(1, 1)).item() == pytest.approx(0.5 * (exp(1) - 1))
