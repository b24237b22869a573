from typing import Any

import pytest
import torch

from lds_mlflow.models import Posterior, Trainable
from lds_mlflow.models.stylegan import VAE
from tests.tiny import SPEC


def test_a_draw_of_a_posterior_has_its_mean_and_variance() -> None:
    posterior = Posterior(torch.full((20_000, 1), 3.0), torch.full((20_000, 1), -1.0))
    drawn = posterior.sample(torch.Generator().manual_seed(0))
    # 5 standard errors of the mean, and of the variance, over 20,000 draws.
    assert drawn.mean().item() == pytest.approx(3, abs=0.022)
    assert drawn.var().log().item() == pytest.approx(-1, abs=0.05)


def test_noise_stands_for_one_z() -> None:
    posterior = Posterior(torch.tensor([[1.0, 2.0]]), torch.log(torch.tensor([[4.0, 9.0]])))
    torch.testing.assert_close(posterior.at(torch.tensor([[1.0, -1.0]])), torch.tensor([[3.0, -1.0]]))


def test_a_posterior_without_variance_is_its_mean_whatever_is_drawn() -> None:
    mean = torch.tensor([[1.0, 2.0]])
    assert torch.equal(Posterior(mean).sample(torch.Generator().manual_seed(0)), mean)
    assert torch.equal(Posterior(mean).at(torch.ones(1, 2)), mean)


def test_a_posterior_without_variance_has_no_moments_to_give() -> None:
    with pytest.raises(AssertionError):
        _ = Posterior(torch.zeros(1, 2)).moments


def test_a_model_that_misses_a_part_of_what_is_trained_can_not_be_made() -> None:
    kind: Any = type("Half", (Trainable,), {})
    with pytest.raises(TypeError, match="divergence"):
        kind()


def test_a_trainable_model_is_where_its_parameters_are() -> None:
    assert VAE.initialised(SPEC, 0).to("meta").device == torch.device("meta")
