"""Bandwidths against scipy's factors, and the leave-one-out likelihood against scikit-learn's density over a grid."""

import numpy as np
import pytest
import torch
from scipy.stats import gaussian_kde
from sklearn.model_selection import GridSearchCV, LeaveOneOut
from sklearn.neighbors import KernelDensity

from lds_mlflow.latent import bandwidth


@pytest.mark.parametrize(("n", "d"), [(30, 1), (200, 3), (500, 8)])
@pytest.mark.parametrize("rule", ["scott", "silverman"])
def test_the_rule_of_thumb_is_scipy_s_factor_times_the_spread(rule: str, n: int, d: int) -> None:
    z = np.random.default_rng(0).normal(3, 2, (n, d))
    factor = gaussian_kde(z.T, bw_method=rule).factor
    expected = factor * np.sqrt(z.var(0, ddof=1).mean())
    assert bandwidth(torch.from_numpy(z), rule).sigma == pytest.approx(expected, rel=1e-9)


def test_loo_is_the_best_of_a_grid_by_leave_one_out_cross_validation() -> None:
    z = np.random.default_rng(1).normal(0, 1, (60, 2))
    grid = np.geomspace(0.1, 2, 60)
    search = GridSearchCV(KernelDensity(), {"bandwidth": grid}, cv=LeaveOneOut()).fit(z)
    # The grid's steps are 5 % apart.
    assert bandwidth(torch.from_numpy(z), "loo").sigma == pytest.approx(search.best_params_["bandwidth"], rel=0.06)
