"""What the tests of the latent room share: the kernels by numba and by torch, and every interpolant there is."""

import pytest
import torch
from torch import Tensor

from lds_mlflow.latent.scoring import kernels
from lds_mlflow.values import Candidates


@pytest.fixture(params=["numba", "torch"])
def each_kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Runs a test with the kernels by numba, and again by torch."""
    if request.param == "torch":
        monkeypatch.setattr(kernels, "_fused", lambda: None)
    else:
        pytest.importorskip("numba")
    return str(request.param)


def gaussian(n: int, d: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def norm_fifth(z_ND: Tensor) -> float:
    return float(z_ND.norm(dim=1).mean()) / 5


def every_interpolant(z_ND: Tensor) -> Candidates:
    """All pairs i < j at all tenths."""
    n = len(z_ND)
    parents = torch.triu_indices(n, n, 1).T.repeat_interleave(9, 0)
    alpha = (torch.arange(1, 10) / 10).repeat(n * (n - 1) // 2)
    z_MD = torch.lerp(z_ND[parents[:, 0]], z_ND[parents[:, 1]], alpha.to(z_ND)[:, None])
    return Candidates(z_MD, parents, alpha)


def oracle(candidates: Candidates, z_ND: Tensor, sigma: float, *, leave_endpoints_out: bool) -> Tensor:
    """log LDS by float64 logsumexp over explicit differences, of the exact interpolants."""
    z, tenths = z_ND.double(), (10 * candidates.alpha_M).round().double()[:, None]
    points = (z[candidates.parents_M2[:, 0]] * (10 - tenths) + z[candidates.parents_M2[:, 1]] * tenths) / 10
    exponents = (points[:, None] - z).square().sum(2) / (-2 * sigma**2)
    n = len(z)
    if leave_endpoints_out:
        exponents.scatter_(1, candidates.parents_M2, -torch.inf)
        n -= 2
    return exponents.logsumexp(1) - torch.tensor(float(n)).double().log()


REAL = gaussian(1, 400, seed=5, dtype=torch.float64)[0] - 10
"""Log densities of real latents, for rules that ask for them."""
