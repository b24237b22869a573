import pytest
import torch

from lds_mlflow.models.stylegan.decoder import Decoder
from lds_mlflow.models.stylegan.noise import NoiseInputs


@pytest.fixture
def inputs() -> NoiseInputs:
    torch.manual_seed(0)
    found = NoiseInputs(16, [4, 8, 8])
    torch.nn.init.ones_(found.strengths)
    return found


@pytest.fixture
def z() -> torch.Tensor:
    return torch.randn(400, 16, generator=torch.Generator().manual_seed(1))


def _flat(inputs: NoiseInputs, z: torch.Tensor) -> torch.Tensor:
    return torch.cat([layer.flatten(1) for layer in inputs(z)], 1).detach()


def test_every_layer_has_noise_of_its_own_size(inputs: NoiseInputs, z: torch.Tensor) -> None:
    assert [tuple(layer.shape) for layer in inputs(z[:3])] == [(3, 1, 4, 4), (3, 1, 8, 8), (3, 1, 8, 8)]


def test_noise_has_the_mean_0_and_the_variance_1(inputs: NoiseInputs, z: torch.Tensor) -> None:
    noise = _flat(inputs, z)
    assert noise.mean().item() == pytest.approx(0, abs=0.02)
    assert noise.var().item() == pytest.approx(1, abs=0.02)


def test_pixels_and_latents_are_uncorrelated(inputs: NoiseInputs, z: torch.Tensor) -> None:
    noise = _flat(inputs, z)
    for rows in (noise, noise.T):
        apart = torch.corrcoef(rows).fill_diagonal_(0)
        # Independent numbers have the standard deviation 1 / sqrt(n).
        assert apart.square().mean().sqrt().item() == pytest.approx(rows.shape[1] ** -0.5, rel=0.1)


def test_two_draws_of_one_posterior_have_unrelated_noise(inputs: NoiseInputs, z: torch.Tensor) -> None:
    near = z + 0.3 * torch.randn(z.shape, generator=torch.Generator().manual_seed(2))
    assert (_flat(inputs, z) * _flat(inputs, near)).mean().item() == pytest.approx(0, abs=0.05)


def test_a_latent_has_one_noise_whatever_is_beside_it(inputs: NoiseInputs, z: torch.Tensor) -> None:
    torch.testing.assert_close(_flat(inputs, z)[7:9], _flat(inputs, z[7:9]), rtol=0, atol=1e-4)


def test_latents_learn_nothing_through_noise(inputs: NoiseInputs, z: torch.Tensor) -> None:
    z.requires_grad_()
    sum(layer.square().sum() for layer in inputs(z)).backward()
    assert z.grad is None
    assert inputs.strengths.grad is not None
    assert inputs.strengths.grad.all()


def _decoder(*, noise_inputs: bool) -> Decoder:
    torch.manual_seed(0)
    return Decoder(1, (8, 6, 4), 16, 8, 1, noise_inputs=noise_inputs)


def test_a_decoder_begins_without_noise(z: torch.Tensor) -> None:
    assert torch.equal(_decoder(noise_inputs=True)(z), _decoder(noise_inputs=False)(z))


def test_decoding_with_noise_is_a_function_of_the_latent(z: torch.Tensor) -> None:
    decoder = _decoder(noise_inputs=True)
    assert decoder.noise is not None
    torch.nn.init.ones_(decoder.noise.strengths)
    assert torch.equal(decoder(z), decoder(z))
    assert not torch.equal(decoder(z), _decoder(noise_inputs=False)(z))


def test_the_strength_of_every_layer_learns(z: torch.Tensor) -> None:
    decoder = _decoder(noise_inputs=True)
    decoder(z).square().sum().backward()
    assert decoder.noise is not None
    assert decoder.noise.strengths.grad is not None
    assert decoder.noise.strengths.grad.all()
