"""A sampler of a model of the project, and of one that is somebody else's."""

from functools import cache
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from lds_mlflow.domains import domain_of
from lds_mlflow.models import Autoencoder
from lds_mlflow.models.own import ExportedPair, Facts
from lds_mlflow.models.own.pair import pair_weights
from lds_mlflow.models.programs import program_of
from lds_mlflow.models.stylegan import VAE
from lds_mlflow.samplers import aggregate_gaussian, latent_density, standard_normal
from lds_mlflow.samplers.classes import with_classes
from lds_mlflow.serving.sampler import Sampler, save_sampler, with_densities
from lds_mlflow.values import ModelWeights
from tests.tiny import SPEC


@pytest.fixture(params=["trained", "own"])
def model(request: pytest.FixtureRequest) -> Autoencoder:
    """A model of the project, or somebody else's."""
    if request.param == "trained":
        return VAE.initialised(SPEC, 0).eval()
    return ExportedPair(_own_weights())


class _Noisy(nn.Module):
    """A decoder that takes noise beside the latents."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 64)

    def forward(self, z: Tensor, noise: Tensor) -> Tensor:
        return torch.tanh(self.layer(z).view(-1, 1, 8, 8) + 0.1 * noise)


@cache
def _own_weights() -> ModelWeights:
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, 4))
    programs = (
        program_of(encoder, torch.zeros(1, 8, 8), strict=False),
        program_of(_Noisy(), torch.zeros(4), torch.zeros(1, 8, 8), strict=False),
    )
    return pair_weights(Facts((1, 8, 8), (-1.0, 1.0), (4,), noise_shape=(1, 8, 8)), *programs)


@pytest.fixture
def sampler(model: Autoencoder) -> Sampler:
    z_ND = torch.randn(50, 4, generator=torch.Generator().manual_seed(0))
    labels_N = torch.arange(50) % 2
    density = with_densities(with_classes(latent_density(z_ND, sigma="0.5"), labels_N, ("even", "odd")))
    aggregate = aggregate_gaussian(z_ND, torch.zeros_like(z_ND))
    prior = standard_normal(4)
    named = {"chosen": prior, "prior": prior, "aggregate": aggregate, "density": density}
    return Sampler(model, domain_of("images"), named)


@pytest.fixture
def folder(sampler: Sampler, tmp_path: Path) -> Path:
    """Where the sampler is stored."""
    save_sampler(tmp_path / "model", sampler.codec.model.to_weights(), sampler.distributions)
    return tmp_path / "model"
