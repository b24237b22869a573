import pytest
import torch

from lds_mlflow.samplers import draw_latents, flow_matching
from lds_mlflow.samplers.flow import draw_flow
from tests.unit.latent.conftest import gaussian

CENTRES = torch.tensor([[-6.0, 3.0], [6.0, 3.0]]).repeat_interleave(torch.tensor([90, 30]), 0)


def test_two_clusters_are_drawn_in_their_shares_and_widths() -> None:
    z = draw_latents(flow_matching(CENTRES, torch.zeros(120, 2), steps=200), list(range(400)))
    assert (z[:, 0] < 0).float().mean().item() == pytest.approx(0.75, abs=0.08)
    left = z[z[:, 0] < 0]
    assert left.mean(0).tolist() == pytest.approx([-6, 3], abs=0.6)
    assert left.std(0).tolist() == pytest.approx([1, 1], abs=0.4)


def test_a_latent_is_what_its_noise_is_carried_to_and_the_mean_is_that_of_the_latents() -> None:
    fitted = flow_matching(CENTRES + gaussian(120, 2), None, steps=1)
    still = {name: tensor * (not name.startswith(("weight", "bias"))) for name, tensor in fitted.tensors.items()}
    fitted.tensors.update(still)
    z, mean = draw_flow(fitted, [torch.Generator().manual_seed(4)])
    noise = torch.randn(2, generator=torch.Generator().manual_seed(4))
    torch.testing.assert_close(z[0], mean + fitted.tensors["scale"] * noise)
    assert torch.equal(mean, (CENTRES + gaussian(120, 2)).mean(0))
