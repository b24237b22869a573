import pytest
import torch

from lds_mlflow.errors import DataError
from lds_mlflow.samplers import aggregate_mixture, flow_matching
from lds_mlflow.samplers.checks import require_components, require_latents_of_a_network, require_number


def test_a_mixture_of_more_components_than_latents_is_refused_with_both() -> None:
    with pytest.raises(DataError, match="found 3; expected at least as many as sampler_components=20"):
        aggregate_mixture(torch.zeros(3, 2), torch.zeros(3, 2), components=20)
    require_components(3, 3)


def test_fewer_latents_than_a_sampler_can_be_fitted_to_are_refused_with_both_numbers() -> None:
    with pytest.raises(DataError, match="found 9; expected at least 10"):
        require_number(9, 10)
    require_number(10, 10)


def test_a_network_is_not_fitted_to_few_latents_or_to_broken_ones() -> None:
    with pytest.raises(DataError, match="found 9; expected at least 10"):
        flow_matching(torch.zeros(9, 2), None, steps=1)
    broken = torch.zeros(12, 2)
    broken[5, 1] = torch.nan
    with pytest.raises(DataError, match="training latent 5"):
        require_latents_of_a_network(broken)
