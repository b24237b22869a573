import pytest
import torch

from lds_mlflow.errors import ConfigError
from lds_mlflow.models import Mixture
from lds_mlflow.samplers import draw_latents, latent_density, prior_distribution, standard_normal


def test_an_unknown_bandwidth_is_refused() -> None:
    with pytest.raises(ConfigError, match="wide"):
        latent_density(torch.randn(9, 2, generator=torch.Generator().manual_seed(0)), sigma="wide")


def test_the_prior_of_a_model_without_another_is_the_standard_normal() -> None:
    drawn = draw_latents(prior_distribution(None, 3), [1, 2])
    assert torch.equal(drawn, draw_latents(standard_normal(3), [1, 2]))


def test_the_prior_of_a_model_with_another_is_drawn_from_as_it_is() -> None:
    prior = Mixture(torch.tensor([[10.0, 0.0], [-10.0, 0.0]]), torch.tensor([[0.0, -6.0], [-6.0, 0.0]]))
    z = draw_latents(prior_distribution(prior, 2), list(range(1000)))
    right, left = z[z[:, 0] > 0], z[z[:, 0] < 0]
    assert len(right) / 1000 == pytest.approx(0.5, abs=0.06)
    assert right.std(0).tolist() == pytest.approx([1.0, 0.05], rel=0.15)
    assert left.std(0).tolist() == pytest.approx([0.05, 1.0], rel=0.15)
