"""Density and coverage against prdc, the code of their authors."""

import pytest
import torch
from prdc import compute_prdc

from lds_mlflow.metrics import density_and_coverage


@pytest.mark.parametrize("k", [1, 3, 5, 10])
@pytest.mark.parametrize(("n", "m", "f"), [(40, 40, 2), (60, 25, 8), (25, 60, 64)])
def test_density_and_coverage_are_those_of_their_authors(n: int, m: int, f: int, k: int) -> None:
    generator = torch.Generator().manual_seed(0)
    real = torch.randn(n, f, generator=generator, dtype=torch.float64)
    fake = 0.8 * torch.randn(m, f, generator=generator, dtype=torch.float64) + 0.2
    theirs = compute_prdc(real.numpy(), fake.numpy(), nearest_k=k)
    ours = density_and_coverage(real, fake, k=k)
    assert ours.density == pytest.approx(theirs["density"])
    assert ours.coverage == pytest.approx(theirs["coverage"])
