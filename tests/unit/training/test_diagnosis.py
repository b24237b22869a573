import pytest
import torch
from torch import Tensor

from lds_mlflow.models import PIXELS, Posterior
from lds_mlflow.models.stylegan import VAE, VaeSpec, kl_divergence
from lds_mlflow.training import active_units, diagnose

TINY = VaeSpec(8, 1, channel_base=32, channel_max=4, latent_dim=64, style_dim=4, mapping_layers=1)


class Copying(VAE):
    """Takes the pixels themselves for latents, moved by an offset, and decodes with an error."""

    offset = 0.0
    error = 0.0

    def encode(self, x: Tensor) -> Posterior:
        mean = x.flatten(1) + self.offset
        return Posterior(mean, torch.full_like(mean, -1.0))

    def decode(self, z: Tensor) -> Tensor:
        return (z - self.offset).reshape(-1, 1, 8, 8) + self.error


# Places beyond the training images.
NOT_TRAINED = torch.arange(100, 120)


@pytest.fixture
def copying() -> Copying:
    return Copying.initialised(TINY, 0)


@pytest.fixture
def images() -> Tensor:
    return torch.randint(50, 200, (20, 1, 8, 8), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def test_a_unit_is_active_where_its_mean_varies_by_more_than_a_hundredth() -> None:
    spread = torch.tensor([0.0, 0.05, 0.2, 3.0])
    standard = torch.randn(2000, 1, generator=torch.Generator().manual_seed(0))
    assert active_units(5 + spread * standard) == 2


def test_a_collapsed_posterior_has_no_active_unit_and_lies_far_from_the_origin_for_its_spread() -> None:
    model = VAE.initialised(TINY, 0).eval()
    torch.nn.init.zeros_(model.encoder.mean.weight)
    torch.nn.init.ones_(model.encoder.mean.bias)
    figures = diagnose(model, PIXELS, torch.zeros(4, 1, 8, 8, dtype=torch.uint8), NOT_TRAINED[:4])
    assert figures["active_units"] == 0
    assert figures["mean_over_spread"] > 1e6


def test_a_model_that_copies_has_no_error(copying: Copying, images: Tensor) -> None:
    figures = diagnose(copying, PIXELS, images, NOT_TRAINED)
    assert figures["reconstruction_mse"] == 0
    assert figures["active_units"] == 64


def test_the_error_is_in_pixels_from_0_to_1(copying: Copying, images: Tensor) -> None:
    copying.error = 2 * 51 / 255
    assert diagnose(copying, PIXELS, images, NOT_TRAINED)["reconstruction_mse"] == pytest.approx(0.2**2)


def test_the_distance_from_the_origin_is_in_units_of_the_spread(copying: Copying, images: Tensor) -> None:
    copying.offset = 10.0
    z = images.flatten(1).double() / 127.5 - 1 + 10
    spread = (z - z.mean(0)).square().sum(1).mean().sqrt()
    wanted = (z.mean(0).norm() / spread).item()
    assert diagnose(copying, PIXELS, images, NOT_TRAINED)["mean_over_spread"] == pytest.approx(wanted, rel=1e-4)


def test_kl_is_the_mean_over_the_images(copying: Copying, images: Tensor) -> None:
    mean = images.flatten(1) / 127.5 - 1
    wanted = kl_divergence(mean, torch.full_like(mean, -1.0)).mean().item()
    assert diagnose(copying, PIXELS, images, NOT_TRAINED)["kl"] == pytest.approx(wanted, rel=1e-4)
