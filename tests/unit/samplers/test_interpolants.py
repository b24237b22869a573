import torch

from lds_mlflow.samplers import dense_interpolants, draw_latents
from lds_mlflow.samplers.interpolants import draw_interpolants
from tests.unit.latent.conftest import gaussian

Z = gaussian(40, 3)
FITTED = dense_interpolants(Z, sigma="0.5")


def test_neighbours_are_the_five_nearest_or_all_others() -> None:
    order = torch.cdist(Z.double(), Z.double()).argsort(1)[:, 1:6]
    assert torch.equal(FITTED.tensors["neighbours"], order)
    assert dense_interpolants(Z[:3], sigma="0.5").tensors["neighbours"].shape == (3, 2)


def test_a_draw_lies_between_a_latent_and_one_of_its_neighbours() -> None:
    first = Z.repeat_interleave(5, 0)
    second = Z[FITTED.tensors["neighbours"].flatten()]
    for z in draw_latents(FITTED, list(range(20))):
        detour = (z - first).norm(dim=1) + (z - second).norm(dim=1) - (first - second).norm(dim=1)
        assert detour.min() < 1e-5


def test_truncation_is_about_the_mean_of_the_training_latents() -> None:
    z, mean = draw_interpolants(FITTED, [torch.Generator().manual_seed(4)])
    assert torch.equal(z, draw_latents(FITTED, [4]))
    assert torch.equal(mean, Z.mean(0))
