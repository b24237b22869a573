import pytest
import torch

from lds_mlflow.models.stylegan.encoder import LOG_VARIANCE_RANGE, Encoder


@pytest.fixture
def encoder() -> Encoder:
    torch.manual_seed(0)
    return Encoder(channels=1, widths=(8, 8), latent_dim=5)


@pytest.fixture
def images() -> torch.Tensor:
    return 2 * torch.rand(16, 1, 8, 8, generator=torch.Generator().manual_seed(1)) - 1


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("widths", [(8, 8), (8, 6, 4)])
def test_images_give_a_mean_and_a_log_variance_a_dimension(channels: int, widths: tuple[int, ...]) -> None:
    side = 2 * 2 ** len(widths)
    mean, log_variance = Encoder(channels, widths, 5)(torch.zeros(3, channels, side, side))
    assert mean.shape == log_variance.shape == (3, 5)


@pytest.mark.parametrize(("bias", "bound"), [(-1e3, LOG_VARIANCE_RANGE[0]), (1e3, LOG_VARIANCE_RANGE[1])])
def test_the_log_variance_is_clamped(encoder: Encoder, images: torch.Tensor, bias: float, bound: float) -> None:
    torch.nn.init.constant_(encoder.log_variance.bias, bias)
    assert (encoder(images)[1] == bound).all()


def test_within_its_bounds_the_log_variance_is_free(encoder: Encoder, images: torch.Tensor) -> None:
    log_variance = encoder(images)[1]
    assert len(log_variance.unique()) == log_variance.numel()


def test_the_means_start_small(encoder: Encoder, images: torch.Tensor) -> None:
    mean, log_variance = encoder(images)
    assert 0 < mean.square().mean().sqrt() < 0.3 * log_variance.square().mean().sqrt()


def test_every_parameter_of_the_encoder_learns(encoder: Encoder, images: torch.Tensor) -> None:
    mean, log_variance = encoder(images)
    (mean.square().sum() + log_variance.square().sum()).backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


def test_an_image_is_encoded_alike_alone_and_among_others(encoder: Encoder, images: torch.Tensor) -> None:
    torch.testing.assert_close(encoder(images[3:4])[0], encoder(images)[0][3:4], rtol=1e-4, atol=1e-5)
