"""Precision, recall, density and coverage against prdc, the code of the authors of the last two."""

import pytest
import torch
from prdc import compute_prdc
from torch import Tensor

from lds_mlflow.metrics import density_and_coverage, precision_and_recall


def _draw(n: int, m: int, f: int, dtype: torch.dtype, offset: float = 0.0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    real = torch.randn(n, f, generator=generator, dtype=torch.float64)
    fake = 0.8 * torch.randn(m, f, generator=generator, dtype=torch.float64) + 0.2
    return (real + offset).to(dtype), (fake + offset).to(dtype)


def _assert_the_same(real: Tensor, fake: Tensor, k: int) -> None:
    theirs = compute_prdc(real.numpy(), fake.numpy(), nearest_k=k)
    precision, recall = precision_and_recall(real, fake, k=k)
    density, coverage = density_and_coverage(real, fake, k=k)
    # Counts have to agree, to the last one; the division rounds.
    expected = [theirs[name] for name in ("precision", "recall", "density", "coverage")]
    assert [precision, recall, density, coverage] == pytest.approx(expected, rel=1e-12, abs=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("k", [1, 3, 5, 10])
@pytest.mark.parametrize(("n", "m", "f"), [(40, 40, 2), (60, 25, 8), (25, 60, 64), (400, 500, 256)])
def test_all_four_are_those_of_prdc(n: int, m: int, f: int, k: int, dtype: torch.dtype) -> None:
    _assert_the_same(*_draw(n, m, f, dtype), k)


@pytest.mark.parametrize("offset", [3.0, 1000.0])
def test_an_origin_far_away_changes_nothing(offset: float) -> None:
    _assert_the_same(*_draw(200, 300, 64, torch.float64, offset), 5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_features_on_a_grid_where_most_distances_tie_are_counted_alike(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    real, fake = torch.randint(0, 3, (2, 300, 4), generator=generator).to(dtype)
    _assert_the_same(real, fake, 5)


def test_near_ties_below_the_rounding_of_float32_are_decided_as_prdc_does() -> None:
    # Samples a hair inside and outside of the balls, where a product in float32 can't tell.
    generator = torch.Generator().manual_seed(0)
    real = torch.randn(150, 32, generator=generator)
    radius = torch.cdist(real.double(), real.double()).kthvalue(4, dim=1).values
    direction = torch.nn.functional.normalize(torch.randn(150, 32, generator=generator).double(), dim=1)
    hair = 1 + 1e-7 * torch.randn(150, 1, generator=generator).double()
    fake = (real.double() + hair * radius[:, None] * direction).float()
    _assert_the_same(real, fake, 3)
