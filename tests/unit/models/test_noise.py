import pytest
import torch
from scipy import stats

from lds_mlflow.models.noise import NormalNoise


@pytest.fixture
def z() -> torch.Tensor:
    return torch.randn(400, 16, generator=torch.Generator().manual_seed(1))


def test_noise_is_standard_normal(z: torch.Tensor) -> None:
    noise = NormalNoise(16, (3, 20), 0)(z)
    assert noise.shape == (400, 3, 20)
    statistic = stats.kstest(noise.flatten().numpy(), "norm").statistic
    assert statistic < 0.02


def test_numbers_are_uncorrelated_and_latents_too(z: torch.Tensor) -> None:
    noise = NormalNoise(16, (60,), 0)(z)
    for rows in (noise, noise.T):
        apart = torch.corrcoef(rows).fill_diagonal_(0)
        # Independent numbers have the standard deviation 1 / sqrt(n).
        assert apart.square().mean().sqrt().item() == pytest.approx(rows.shape[1] ** -0.5, rel=0.2)


def test_a_latent_and_a_seed_have_one_noise(z: torch.Tensor) -> None:
    state = torch.get_rng_state()
    one, again, other = (NormalNoise(16, (60,), seed)(z) for seed in (5, 5, 6))
    assert torch.equal(one, again)
    assert abs((one * other).mean().item()) < 0.02
    assert torch.equal(state, torch.get_rng_state())


def test_latents_of_any_shape_have_noise(z: torch.Tensor) -> None:
    noise = NormalNoise(16, (4, 5), 0)
    assert torch.equal(noise(z.view(-1, 4, 2, 2)), noise(z))


def test_noise_is_finite_where_a_wave_is_at_its_end() -> None:
    noise = NormalNoise(1, (1,), 0)
    noise.phases[:] = torch.pi / 2
    assert noise(torch.zeros(1, 1)).isfinite().all()
