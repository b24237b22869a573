"""log LDS against two oracles: scipy's logsumexp over explicit distances, and scikit-learn's KernelDensity."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from scipy.special import logsumexp
from sklearn.neighbors import KernelDensity

from lds_mlflow.latent import draw_candidates, log_density, score_candidates

Array = NDArray[np.float64]


def _random(n: int, d: int, seed: int = 0, offset: float = 0.0) -> Array:
    return np.random.default_rng(seed).normal(offset, 1, (n, d))


def _oracle(points_MD: Array, training_ND: Array, sigma: float) -> Array:
    exponents = -cdist(points_MD, training_ND, "sqeuclidean") / (2 * sigma**2)
    return np.asarray(logsumexp(exponents, axis=1) - np.log(len(training_ND)))


def _ours(points_MD: Array, training_ND: Array, sigma: float) -> Array:
    scores = log_density(torch.from_numpy(points_MD), torch.from_numpy(training_ND), sigma=sigma)
    return np.asarray(scores.numpy())


@pytest.mark.parametrize("sigma", [0.01, 0.3, 1.0, 30.0])
@pytest.mark.parametrize("d", [1, 2, 32, 512])
def test_the_score_is_logsumexp_over_explicit_distances(d: int, sigma: float) -> None:
    points, training = _random(20, d, seed=1), _random(50, d, seed=2)
    np.testing.assert_allclose(_ours(points, training, sigma), _oracle(points, training, sigma), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("sigma", [0.05, 1.0])
def test_the_score_far_from_the_origin_is_still_that_of_the_distances(sigma: float) -> None:
    points, training = _random(20, 4, seed=1, offset=1e4), _random(50, 4, seed=2, offset=1e4)
    np.testing.assert_allclose(_ours(points, training, sigma), _oracle(points, training, sigma), rtol=1e-9, atol=1e-6)


def test_a_training_latent_among_the_points_scores_as_its_distances_say() -> None:
    training = _random(40, 16)
    np.testing.assert_allclose(_ours(training, training, 0.01), _oracle(training, training, 0.01), atol=1e-9)


def test_left_out_endpoints_are_left_out_of_the_sum_and_of_its_count() -> None:
    training = torch.from_numpy(_random(30, 8))
    candidates = draw_candidates(training, 40, generator=torch.Generator().manual_seed(0))
    found = score_candidates(candidates, training, sigma=0.4, leave_endpoints_out=True).log_lds_M
    rest = [np.delete(training.numpy(), parents, axis=0) for parents in candidates.parents_M2.tolist()]
    expected = [_oracle(z[None], others, 0.4)[0] for z, others in zip(candidates.z_MD.numpy(), rest, strict=True)]
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-10)


@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("d", [1, 3, 8])
def test_the_score_is_scikit_learn_s_density_without_its_normalising_constant(d: int, sigma: float) -> None:
    points, training = _random(20, d, seed=1), _random(60, d, seed=2)
    log_constant = d / 2 * np.log(2 * np.pi) + d * np.log(sigma)
    theirs = KernelDensity(bandwidth=sigma, kernel="gaussian").fit(training).score_samples(points)
    np.testing.assert_allclose(_ours(points, training, sigma), theirs + log_constant, rtol=1e-8)
