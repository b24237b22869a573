from math import log, pi

import pytest
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from lds_mlflow.models import Mixture, log_posterior


def _random(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


@pytest.mark.parametrize("shape", [(1, 1), (5, 4)])
def test_the_density_of_a_mixture_is_that_of_torch(shape: tuple[int, int]) -> None:
    mean, log_variance, z = _random(5, 4), 0.5 * _random(*shape), _random(7, 4)
    scale = torch.exp(0.5 * log_variance).expand(5, 4)
    reference = MixtureSameFamily(Categorical(torch.ones(5)), Independent(Normal(mean, scale), 1))
    torch.testing.assert_close(Mixture(mean, log_variance).log_density(z), reference.log_prob(z), rtol=1e-4, atol=1e-4)


def test_a_component_that_is_left_out_counts_neither_above_nor_below() -> None:
    mean, z = _random(5, 4), _random(5, 4)
    left_out = Mixture(mean, torch.zeros(1, 1)).log_density(z, torch.arange(5))
    for i in range(5):
        others = Mixture(torch.cat([mean[:i], mean[i + 1 :]]), torch.zeros(1, 1))
        torch.testing.assert_close(left_out[i], others.log_density(z[i : i + 1])[0])


def test_what_is_none_of_the_components_leaves_none_out() -> None:
    mixture, z = Mixture(_random(5, 4), torch.zeros(1, 1)), _random(2, 4)
    torch.testing.assert_close(mixture.log_density(z, torch.tensor([5, 99])), mixture.log_density(z))


def test_the_density_of_a_posterior_is_a_gaussians() -> None:
    value = log_posterior(torch.ones(1, 2), torch.zeros(1, 2), torch.zeros(1, 2))
    assert value.item() == pytest.approx(-1 - log(2 * pi))


def test_a_density_is_in_float32_where_the_rest_is_in_bfloat16() -> None:
    mixture, z = Mixture(_random(5, 4), torch.zeros(1, 1)), _random(7, 4)
    wanted = mixture.log_density(z)
    with torch.autocast("cpu", torch.bfloat16):
        found = mixture.log_density(z)
    assert torch.equal(found, wanted)


def test_of_a_mixture_of_one_nothing_is_left_without_it() -> None:
    mixture = Mixture(torch.zeros(1, 2), torch.zeros(1, 1))
    assert not mixture.log_density(torch.zeros(1, 2), torch.tensor([0])).isfinite().any()
