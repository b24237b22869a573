import pytest
import torch

from lds_mlflow.errors import DataError
from lds_mlflow.models import Codec
from lds_mlflow.samplers import draw_latents, noise_contrastive
from tests.vectors import LinearAutoencoder

CODEC = Codec(LinearAutoencoder(torch.zeros(3), torch.eye(3)[:, :2]))
CENTRES = torch.tensor([[-1.5, 0.0], [1.5, 0.0]]).repeat_interleave(torch.tensor([30, 10]), 0)


def test_two_clusters_are_drawn_in_their_shares_and_widths() -> None:
    fitted = noise_contrastive(CODEC, CENTRES, torch.full((40, 2), -3.0), steps=100)
    z = draw_latents(fitted, list(range(200)))
    assert (z[:, 0] < 0).float().mean().item() == pytest.approx(0.75, abs=0.1)
    assert z[z[:, 0] < 0].mean(0).tolist() == pytest.approx([-1.5, 0], abs=0.25)
    assert z[z[:, 0] < 0].std(0).tolist() == pytest.approx([0.22, 0.22], abs=0.2)


def test_posteriors_that_are_the_prior_leave_it_as_it_is() -> None:
    fitted = noise_contrastive(CODEC, torch.zeros(40, 2), torch.zeros(40, 2), steps=60)
    z = draw_latents(fitted, list(range(200)))
    assert z.mean(0).tolist() == pytest.approx([0, 0], abs=0.25)
    assert z.std(0).tolist() == pytest.approx([1, 1], abs=0.2)


def test_too_few_latents_are_refused() -> None:
    with pytest.raises(DataError, match="at least 10"):
        noise_contrastive(CODEC, torch.zeros(9, 2), None)
