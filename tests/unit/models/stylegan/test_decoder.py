import pytest
import torch

from lds_mlflow.models.stylegan.decoder import Decoder


@pytest.fixture
def decoder() -> Decoder:
    torch.manual_seed(0)
    return Decoder(channels=1, widths=(8, 8), latent_dim=5, style_dim=8, mapping_layers=2)


@pytest.fixture
def z() -> torch.Tensor:
    return torch.randn(6, 5, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("widths", [(8,), (8, 8), (8, 6, 4)])
def test_latents_give_images(channels: int, widths: tuple[int, ...], z: torch.Tensor) -> None:
    side = 2 * 2 ** len(widths)
    assert Decoder(channels, widths, 5, 8, 1)(z).shape == (6, channels, side, side)


def test_decoding_is_a_function_of_the_latent(decoder: Decoder, z: torch.Tensor) -> None:
    assert torch.equal(decoder(z), decoder(z))


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_the_decoder_sees_the_norm_of_a_latent(decoder: Decoder, z: torch.Tensor, factor: float) -> None:
    change = (decoder(factor * z) - decoder(z)).flatten(1).norm(dim=1)
    assert (change > 0.05 * decoder(z).flatten(1).norm(dim=1)).all()


def test_other_latents_give_other_images(decoder: Decoder, z: torch.Tensor) -> None:
    images = decoder(z).flatten(1)
    assert torch.pdist(images).min() > 0.1


def test_every_parameter_of_the_decoder_learns(decoder: Decoder, z: torch.Tensor) -> None:
    decoder(z).square().sum().backward()
    for name, parameter in decoder.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name
