import io
from dataclasses import replace

import pytest
import torch
from torch.export import ExportedProgram

from lds_mlflow.models.exported import exported_decoder
from lds_mlflow.models.stylegan import VAE
from tests.tiny import SPEC


@pytest.fixture(scope="module")
def model() -> VAE:
    return VAE.initialised(replace(SPEC, noise_inputs=True), 0).eval()


@pytest.fixture(scope="module")
def program(model: VAE) -> ExportedProgram:
    return torch.export.load(io.BytesIO(exported_decoder(model.to_weights())))


def test_the_program_decodes_as_the_model_does_for_a_batch_of_any_size(model: VAE, program: ExportedProgram) -> None:
    for n in (1, 2, 5):
        z_BD = torch.randn(n, 4, generator=torch.Generator().manual_seed(n))
        with torch.no_grad():
            assert (program.module()(z_BD) - model.decode(z_BD)).abs().max() <= 1e-4


def test_the_file_has_the_weights_of_the_decoder_alone(model: VAE, program: ExportedProgram) -> None:
    decoder = {name for name in model.to_weights().state if name.startswith("decoder.")}
    assert program.state_dict.keys() == {f"model.{name}" for name in decoder}
