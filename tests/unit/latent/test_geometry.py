import pytest
import torch

from lds_mlflow.errors import ConfigError
from lds_mlflow.latent.geometry import Geometry, blocks, empty, squared_norms
from tests.unit.latent.conftest import gaussian


@pytest.mark.parametrize(("n", "size"), [(0, 3), (1, 3), (6, 3), (7, 3), (2, 100)])
def test_blocks_cover_every_row_once_in_order(n: int, size: int) -> None:
    found = list(blocks(n, size))
    assert [row for one in found for row in range(n)[one]] == list(range(n))
    assert all(0 < one.stop - one.start <= size for one in found)


def test_empty_memory_has_the_type_that_is_asked_for() -> None:
    made = empty(2, 3, like=torch.zeros(1, dtype=torch.float64))
    assert (made.shape, made.dtype) == ((2, 3), torch.float64)


def test_squared_norms_are_those_of_the_rows() -> None:
    z = gaussian(20, 5, dtype=torch.float64)
    torch.testing.assert_close(squared_norms(z), z.square().sum(1))


def test_a_squared_distance_in_units_of_the_kernel_is_the_exponent_of_a_kernel() -> None:
    z, sigma = gaussian(20, 5, dtype=torch.float64), 0.7
    u = Geometry.of(z, sigma).place(z)
    torch.testing.assert_close(torch.pdist(u).square(), torch.pdist(z).square() / (2 * sigma**2))
    torch.testing.assert_close(u.mean(0), torch.zeros(5).double(), rtol=0, atol=1e-12)


def test_float32_is_left_where_it_would_round_an_exponent_too_much() -> None:
    z = gaussian(50, 4)
    assert Geometry.of(z, 2.0).dtype == torch.float32
    assert Geometry.of(z, 0.01).dtype == torch.float64
    assert Geometry.of(z, 2.0, 1000 * z).dtype == torch.float64
    assert Geometry.of(z.double(), 2.0).dtype == Geometry.of(z, 2.0).in_float64().dtype == torch.float64


@pytest.mark.parametrize("sigma", [0.0, -1.0, float("inf"), float("nan")])
def test_a_bandwidth_that_is_none_is_refused(sigma: float) -> None:
    with pytest.raises(ConfigError, match="sigma"):
        Geometry.of(gaussian(5, 2), sigma)
