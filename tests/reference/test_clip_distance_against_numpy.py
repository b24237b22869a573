"""CMMD against its authors' formulas, written out in numpy."""

from typing import Any

import numpy as np
import pytest
import torch

from lds_mlflow.errors import DataError
from lds_mlflow.metrics import clip_distance

Rows = np.ndarray[Any, np.dtype[np.float64]]


def _theirs(x: Rows, y: Rows) -> float:
    x, y = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (x, y))
    gamma = 1 / (2 * 10**2)

    def mean_kernel(a: Rows, b: Rows) -> float:
        squared = np.array([[np.sum((one - other) ** 2) for other in b] for one in a])
        return float(np.mean(np.exp(-gamma * squared)))

    return 1000 * (mean_kernel(x, x) + mean_kernel(y, y) - 2 * mean_kernel(x, y))


@pytest.mark.parametrize(("n", "m", "f"), [(2, 3, 1), (20, 30, 8), (40, 40, 300)])
def test_embeddings_have_the_distance_by_numpy(n: int, m: int, f: int) -> None:
    generator = torch.Generator().manual_seed(n)
    x, y = (torch.randn(rows, f, generator=generator, dtype=torch.float64) for rows in (n, m))
    y = 3 * y + 0.5
    assert clip_distance(x, y).value == pytest.approx(_theirs(x.numpy(), y.numpy()), rel=1e-6, abs=1e-9)


def test_the_same_embeddings_have_no_distance_and_opposite_ones_have_one() -> None:
    x = torch.randn(50, 8, generator=torch.Generator().manual_seed(0))
    assert clip_distance(x, 2 * x).value == pytest.approx(0, abs=1e-9)
    assert clip_distance(x[:1].expand(2, -1), -x[:1].expand(2, -1)).value == pytest.approx(
        2000 * (1 - np.exp(-4 / 200))
    )


def test_influences_say_how_the_distance_changes() -> None:
    x, y = torch.randn(2, 60, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = clip_distance(x, y + 1)
    one = clip_distance(x, torch.cat([y, y[:1]]) + 1)
    # One more of a sample is a share of 1 / 61 more of it.
    assert one.value - found.value == pytest.approx(found.by_sample_S[0].item() / 61, rel=0.1)


def test_embeddings_that_are_not_finite_are_refused() -> None:
    with pytest.raises(DataError, match="the CMMD"):
        clip_distance(torch.full((3, 2), torch.nan), torch.ones(3, 2))
