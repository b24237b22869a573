import subprocess
import sys

import pytest
import torch

from lds_mlflow.latent.scoring import kernels
from lds_mlflow.latent.scoring.kernels import (
    LEFT_OUT,
    accumulate_logsumexp,
    add_pair_power_sums,
    exp_of_multiple,
    exp_of_shifted,
)
from tests.unit.latent.conftest import gaussian

DTYPES = [torch.float32, torch.float64]
TOLERANCE = {torch.float32: 2e-6, torch.float64: 1e-12}


def _running(tiles: list[torch.Tensor], columns: list[torch.Tensor]) -> torch.Tensor:
    top, total = tiles[0].new_full((len(tiles[0]),), LEFT_OUT), torch.zeros(len(tiles[0]), dtype=tiles[0].dtype)
    for tile, column in zip(tiles, columns, strict=True):
        accumulate_logsumexp(tile.clone(), column, top, total)
    return top.double() + total.double().log()


@pytest.mark.usefixtures("each_kernel")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("spread", [1.0, 30.0, 1000.0])
def test_a_running_logsumexp_is_that_of_all_tiles_at_once(dtype: torch.dtype, spread: float) -> None:
    tiles = [-spread * gaussian(20, 33, seed, dtype).abs() for seed in range(3)]
    columns = [-spread * gaussian(1, 33, seed + 9, dtype)[0].abs() for seed in range(3)]
    whole = torch.cat([tile.double() + column.double() for tile, column in zip(tiles, columns, strict=True)], dim=1)
    torch.testing.assert_close(_running(tiles, columns), whole.logsumexp(1), rtol=TOLERANCE[dtype], atol=1e-5)


@pytest.mark.usefixtures("each_kernel")
@pytest.mark.parametrize("order", [1, -1])
def test_a_running_sum_survives_tiles_that_are_hundreds_of_nats_apart(order: int) -> None:
    tiles = [torch.full((3, 7), value) for value in (-900.0, -400.0, 0.0, 500.0)][::order]
    found = _running(tiles, [torch.zeros(7)] * 4)
    torch.testing.assert_close(found, torch.full((3,), 500.0).double() + torch.tensor(7.0).log())


@pytest.mark.usefixtures("each_kernel")
def test_what_is_left_out_adds_nothing_even_where_a_whole_tile_is() -> None:
    tile = torch.tensor([[-3.0, -1.0], [-5.0, -2.0]])
    left_out = torch.full((2, 2), LEFT_OUT)
    found = _running([left_out, tile, left_out], [torch.zeros(2)] * 3)
    torch.testing.assert_close(found, tile.double().logsumexp(1), rtol=0, atol=1e-6)


@pytest.mark.usefixtures("each_kernel")
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_exponential_is_exact_from_underflow_to_overflow(dtype: torch.dtype) -> None:
    exponents = torch.linspace(-86, 86, 1001, dtype=dtype).repeat(2, 1)
    found = exp_of_multiple(exponents, 1.0, torch.empty_like(exponents)).double()
    assert (found.log() - exponents.double()).abs().max() < 1e-5
    half = exp_of_multiple(exponents, 0.5, torch.empty_like(exponents)).double()
    assert (half.log() - exponents.double() / 2).abs().max() < 1e-5


@pytest.mark.usefixtures("each_kernel")
def test_the_exponential_of_what_is_left_out_is_nothing() -> None:
    assert exp_of_multiple(torch.tensor([[LEFT_OUT, 0.0]]), 0.1, torch.empty(1, 2))[0].tolist() == pytest.approx([0, 1])


@pytest.mark.usefixtures("each_kernel")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("spread", [1.0, 100.0])
def test_shifted_exponentials_are_those_of_the_sums_and_their_maxima_are_told(
    dtype: torch.dtype, spread: float
) -> None:
    exponents, rows = spread * gaussian(12, 70, 0, dtype), gaussian(1, 12, 1, dtype)[0]
    columns = gaussian(1, 70, 2, dtype)[0]
    exponents[3, 5] = LEFT_OUT
    sums = exponents.double() + rows.double()[:, None] + columns.double()
    top = exp_of_shifted(exponents, rows, columns, 0.1)
    torch.testing.assert_close(exponents.double(), (0.1 * sums).exp(), rtol=1e-5, atol=1e-37)
    torch.testing.assert_close(top.double(), sums.amax(1), rtol=1e-5, atol=1e-5)


@pytest.mark.usefixtures("each_kernel")
@pytest.mark.parametrize("dtype", DTYPES)
def test_power_sums_are_those_of_every_tenth(dtype: torch.dtype) -> None:
    x = gaussian(6, 50, dtype=dtype).abs() * 0.5
    pairs = torch.tensor([[0, 1], [5, 2], [3, 3], [1, 0]])
    sums = torch.ones(4, 9, dtype=torch.float64)
    add_pair_power_sums(x, pairs, sums)
    u, v = x[pairs[:, 0]].double(), x[pairs[:, 1]].double()
    expected = torch.stack([(u ** (10 - t) * v**t).sum(1) for t in range(1, 10)], dim=1)
    torch.testing.assert_close(sums - 1, expected, rtol=10 * TOLERANCE[dtype], atol=1e-9)


def test_float64_is_never_given_to_the_float32_kernels() -> None:
    assert not kernels.is_fused(torch.zeros(1, dtype=torch.float64))


def test_scoring_leaves_torchs_number_of_threads_as_it_was() -> None:
    # In a process of its own: numba's threads start once.
    script = (
        "import torch; torch.set_num_threads(1); from lds_mlflow.latent import draw_candidates, score_candidates; "
        "z = torch.randn(200, 4); c = draw_candidates(z, 500, generator=torch.Generator()); "
        "score_candidates(c, z, sigma=1.0); assert torch.get_num_threads() == 1"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
