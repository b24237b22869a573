import pytest
import torch

from lds_mlflow.choices.kernels import KERNELS
from lds_mlflow.errors import ConfigError, DataError
from lds_mlflow.samplers import draw_latents, latent_density
from lds_mlflow.samplers.kernels import isotropic, nearest_rows, of_covariance, of_neighbours
from tests.unit.latent.conftest import gaussian

SHAPES = torch.tensor([3.0, 1.0, 0.1])
Z = gaussian(200, 3) * SHAPES


def _covariances(z_ND: torch.Tensor, kernel: str, sigma: float) -> torch.Tensor:
    """Returns the covariance of the noise about every latent, computed in full, float64 [N, D, D]."""
    n, d = z_ND.shape
    if kernel == "neighbours":
        found = of_neighbours(z_ND, sigma)
        apart = z_ND[found["neighbours"]].double() - z_ND[:, None].double()
        apart *= found["multiple"].double()
        return apart.mT @ apart / apart.shape[1]
    if kernel == "covariance":
        factor = of_covariance(z_ND, sigma)["factors"][0].double()
        return (factor @ factor.T).expand(n, d, d)
    return (isotropic(z_ND, sigma)["scales"].double().square() * torch.eye(d)).expand(n, d, d)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("sigma", [0.2, 5.0])
def test_noise_of_one_sigma_has_one_mean_trace_whatever_its_shape(kernel: str, sigma: float) -> None:
    traces = _covariances(Z, kernel, sigma).diagonal(dim1=1, dim2=2).sum(1)
    assert traces.mean().item() == pytest.approx(3 * sigma**2, rel=1e-5)


def test_the_covariance_is_that_of_all_latents() -> None:
    found = _covariances(Z, "covariance", 0.5)[0]
    wanted = Z.double().T.cov(correction=0)
    torch.testing.assert_close(found, wanted * (found.trace() / wanted.trace()), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kernel", KERNELS)
def test_draws_have_the_covariance_of_the_kernel(kernel: str) -> None:
    n = 8_000
    drawn = draw_latents(latent_density(Z, sigma="0.5", kernel=kernel), list(range(n))).double()
    wanted = Z.double().T.cov(correction=0) + _covariances(Z, kernel, 0.5).mean(0)
    root = wanted.diagonal().sqrt()
    difference = (drawn.T.cov() - wanted) / (root[:, None] * root)
    assert difference.abs().max().item() < 0.08


def test_noise_by_neighbours_lies_along_the_line_that_latents_lie_on() -> None:
    line = torch.linspace(-1, 1, 60)[:, None] * torch.tensor([[1.0, 2.0]])
    drawn = draw_latents(latent_density(line, sigma="0.1", kernel="neighbours"), list(range(50)))
    torch.testing.assert_close(drawn[:, 1], 2 * drawn[:, 0], rtol=1e-4, atol=1e-5)


def test_a_kernel_by_neighbours_holds_latents_and_rows_and_no_matrix_of_each() -> None:
    found = latent_density(Z, sigma="0.1", kernel="neighbours").tensors
    assert {name: tuple(tensor.shape) for name, tensor in found.items()} == {
        "means": (200, 3),
        "cumulative": (200,),
        "neighbours": (200, 20),
        "multiple": (1,),
    }
    assert tuple(latent_density(Z, sigma="0.1", kernel="covariance").tensors["factors"].shape) == (1, 3, 3)


def test_few_latents_have_all_others_as_neighbours() -> None:
    assert nearest_rows(Z[:4], 20).shape == (4, 3)
    assert torch.isfinite(draw_latents(latent_density(Z[:2], sigma="0.1", kernel="neighbours"), [1, 2])).all()


@pytest.mark.parametrize("kernel", ["covariance", "neighbours"])
def test_a_dimension_without_spread_gets_no_noise(kernel: str) -> None:
    flat = torch.cat([Z, torch.ones(200, 1)], 1)
    drawn = draw_latents(latent_density(flat, sigma="0.5", kernel=kernel), list(range(20)))
    assert drawn[:, 3].tolist() == pytest.approx([1.0] * 20, abs=1e-4)


def test_latents_of_one_dimension_have_every_kernel() -> None:
    for kernel in KERNELS:
        assert draw_latents(latent_density(Z[:, :1], sigma="0.5", kernel=kernel), [1, 2]).shape == (2, 1)


@pytest.mark.parametrize("kernel", ["covariance", "neighbours"])
def test_latents_that_are_all_alike_shape_no_noise(kernel: str) -> None:
    with pytest.raises(DataError, match="latents that are all alike"):
        latent_density(torch.ones(9, 2), sigma="0.5", kernel=kernel)


def test_an_unknown_kernel_is_refused_with_the_names() -> None:
    with pytest.raises(ConfigError, match="isotropic, covariance, neighbours"):
        latent_density(Z, sigma="0.5", kernel="round")


@pytest.mark.parametrize("sigma", ["0", "-1", "nan"])
@pytest.mark.parametrize("kernel", KERNELS)
def test_no_kernel_has_a_bandwidth_of_zero(kernel: str, sigma: str) -> None:
    with pytest.raises(ConfigError, match="a number from 1e-15 to 1e"):
        latent_density(Z, sigma=sigma, kernel=kernel)
