"""What tests of serving share."""

import pytest
import torch
from mlflow.pyfunc import save_model

from lds_mlflow.domains import domain_of
from lds_mlflow.models.stylegan import VAE
from lds_mlflow.samplers import latent_density
from lds_mlflow.samplers.classes import with_classes
from lds_mlflow.serving.requests import DISTRIBUTIONS
from lds_mlflow.serving.sampler import save_sampler, with_densities
from lds_mlflow.tracking.registration import LOADER, signature_of
from tests.tiny import SPEC


@pytest.fixture(scope="session")
def model_path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of a small model, as a registered one has it."""
    folder = tmp_path_factory.mktemp("served")
    latents = latent_density(torch.randn(50, 4), sigma="0.5")
    density = with_densities(with_classes(latents, torch.arange(50) % 2, ("cats & dogs", "<b>")))
    save_sampler(folder / "values", VAE.initialised(SPEC, 0).to_weights(), dict.fromkeys(DISTRIBUTIONS, density))
    save_model(
        folder / "model",
        loader_module=LOADER,
        data_path=str(folder / "values"),
        signature=signature_of(domain_of("images")),
        pip_requirements=[],
    )
    return str(folder / "model")
