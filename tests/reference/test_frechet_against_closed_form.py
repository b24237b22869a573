"""The Frechet distance against scipy's matrix root, and against Gaussians whose distance is known."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.linalg import sqrtm
from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_features_to_statistics, fid_statistics_to_metric

from lds_mlflow.metrics import frechet_distance

Array = NDArray[np.float64]


def _exact_sample(mean_F: Array, deviations_F: Array, n: int = 50) -> Array:
    """Makes a sample whose own mean is mean_F and whose own covariance is diag(deviations_F^2), to the last digit."""
    draw = np.random.default_rng(0).normal(size=(n, len(mean_F)))
    white, _ = np.linalg.qr(draw - draw.mean(0))
    return np.asarray(mean_F + white * np.sqrt(n - 1) * deviations_F)


def _ours(x_NF: Array, y_MF: Array) -> float:
    return frechet_distance(torch.from_numpy(x_NF), torch.from_numpy(y_MF))


@pytest.mark.parametrize("f", [2, 10, 40])
def test_gaussians_with_common_axes_have_the_distance_of_their_means_and_deviations(f: int) -> None:
    generator = np.random.default_rng(f)
    means, deviations = generator.normal(size=(2, f)), generator.uniform(0.1, 3, (2, f))
    expected = np.square(means[0] - means[1]).sum() + np.square(deviations[0] - deviations[1]).sum()
    x, y = (_exact_sample(mean, deviation) for mean, deviation in zip(means, deviations, strict=True))
    assert _ours(x, y) == pytest.approx(expected, rel=1e-6)


def test_a_gaussian_scaled_by_three_lies_at_four_variances_a_dimension() -> None:
    x = _exact_sample(np.zeros(6), np.ones(6))
    assert _ours(x, 3 * x) == pytest.approx((3 - 1) ** 2 * 6, rel=1e-6)


@pytest.mark.parametrize(("n", "m", "f"), [(50, 50, 3), (40, 90, 12), (200, 150, 64)])
def test_any_two_sets_have_the_distance_by_scipy_s_matrix_root(n: int, m: int, f: int) -> None:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(n, f)) @ generator.normal(size=(f, f))
    y = generator.normal(size=(m, f)) @ generator.normal(size=(f, f)) + 1
    covariance_x, covariance_y = np.atleast_2d(np.cov(x, rowvar=False)), np.atleast_2d(np.cov(y, rowvar=False))
    root = sqrtm(covariance_x @ covariance_y).real
    expected = np.square(x.mean(0) - y.mean(0)).sum() + np.trace(covariance_x + covariance_y - 2 * root)
    assert _ours(x, y) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("n", "f"), [(300, 8), (900, 128)])
def test_any_two_sets_have_the_distance_by_torch_fidelity(n: int, f: int) -> None:
    generator = torch.Generator().manual_seed(0)
    x, y = (torch.randn(n, f, generator=generator, dtype=torch.float64) for _ in range(2))
    y = y @ torch.randn(f, f, generator=generator, dtype=torch.float64) + 0.3
    theirs = fid_statistics_to_metric(*(fid_features_to_statistics(some) for some in (x, y)), verbose=False)
    assert frechet_distance(x, y) == pytest.approx(theirs[KEY_METRIC_FID], rel=1e-6)


@pytest.mark.parametrize(("n", "f"), [(10, 64), (40, 41), (64, 64)])
def test_fewer_rows_than_features_lose_no_digits(n: int, f: int) -> None:
    # Scaled by three, a set lies at (3 - 1)^2 times its own total variance, whatever its rank.
    x = torch.randn(n, f, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x -= x.mean(0)
    assert frechet_distance(x, 3 * x) == pytest.approx(4 * x.var(0).sum().item(), rel=1e-9)


def test_features_that_depend_on_each_other_lose_no_digits() -> None:
    x = torch.randn(200, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x -= x.mean(0)
    x = torch.cat([x, x @ torch.ones(6, 3, dtype=torch.float64), torch.zeros(200, 2)], dim=1)
    assert frechet_distance(x, 3 * x) == pytest.approx(4 * x.var(0).sum().item(), rel=1e-7)
