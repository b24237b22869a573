from importlib import import_module
from typing import Any

import pytest
import torch

from tests.unit.latent.conftest import gaussian


@pytest.fixture
def fused() -> Any:
    pytest.importorskip("numba")
    return import_module("lds_mlflow.latent.scoring.fused")


def test_the_exponential_is_that_of_torch_within_its_polynomial(fused: Any) -> None:
    x, out = torch.linspace(-80, 80, 4001)[None], torch.empty(1, 4001)
    fused.exp_of_multiple(x.numpy(), x.numpy().dtype.type(1), out.numpy())
    torch.testing.assert_close(out, x.exp(), rtol=1e-5, atol=0)


def test_the_exponential_is_1_at_0_and_stays_finite_beyond_its_range(fused: Any) -> None:
    x, out = torch.tensor([[0.0, -1e30, 1e5]]), torch.empty(1, 3)
    fused.exp_of_multiple(x.numpy(), x.numpy().dtype.type(1), out.numpy())
    assert out[0, 0] == 1
    assert 0 <= out[0, 1] < 1e-37
    assert torch.isfinite(out).all()


def test_power_sums_of_pairs_are_those_of_the_definition(fused: Any) -> None:
    x, sums = gaussian(4, 50).abs(), torch.zeros(2, 9, dtype=torch.float64)
    fused.add_pair_power_sums(x.numpy(), torch.tensor([0, 2]).numpy(), torch.tensor([1, 3]).numpy(), sums.numpy())
    t = torch.arange(1, 10)
    expected = [(x[i].double()[:, None] ** (10 - t) * x[j].double()[:, None] ** t).sum(0) for i, j in ((0, 1), (2, 3))]
    torch.testing.assert_close(sums, torch.stack(expected), rtol=1e-4, atol=1e-6)


def test_more_threads_than_numba_began_with_are_not_asked_for(fused: Any) -> None:
    fused.limit_threads(10_000)
    fused.limit_threads(1)
