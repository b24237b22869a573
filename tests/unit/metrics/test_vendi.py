from math import exp, log

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.linalg import eigvalsh
from torch import Tensor
from torch.nn import functional

from lds_mlflow.errors import DataError
from lds_mlflow.metrics import vendi_score

laws = settings(max_examples=15, deadline=None)


def _gaussian(n: int, f: int = 4, seed: int = 0) -> Tensor:
    return torch.randn(n, f, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _oracle(features_SF: Tensor, weight_S: Tensor | None = None) -> float:
    """The exponential of the entropy of the eigenvalues of all similarities, each example by its weight."""
    equal = torch.full((len(features_SF),), 1 / len(features_SF), dtype=torch.float64)
    weights = equal if weight_S is None else weight_S
    directions = functional.normalize(features_SF.double(), dim=1) * weights.sqrt()[:, None]
    shares: NDArray[np.float64] = eigvalsh((directions @ directions.T).numpy())
    kept = shares[shares > 1e-14]
    return float(np.exp(-(kept * np.log(kept)).sum()))


def test_copies_of_one_example_are_worth_one() -> None:
    assert vendi_score(torch.tensor([[3.0, 1.0, 2.0]]).repeat(20, 1)).value == pytest.approx(1)


def test_an_example_alone_is_worth_one() -> None:
    assert vendi_score(torch.tensor([[3.0, 1.0, 2.0]])).value == pytest.approx(1)


@pytest.mark.parametrize("n", [2, 7])
def test_examples_that_have_nothing_in_common_are_worth_as_many_as_they_are(n: int) -> None:
    assert vendi_score(5 * torch.eye(n, 9)).value == pytest.approx(n)


def test_unequal_groups_of_copies_are_worth_the_exponential_of_their_entropy() -> None:
    features = torch.eye(2).repeat_interleave(torch.tensor([30, 10]), dim=0)
    assert vendi_score(features).value == pytest.approx(exp(-0.75 * log(0.75) - 0.25 * log(0.25)))


@pytest.mark.parametrize(("n", "f"), [(12, 40), (40, 12), (25, 25), (200, 3)])
def test_any_examples_are_worth_the_entropy_of_the_eigenvalues_of_all_their_similarities(n: int, f: int) -> None:
    features = _gaussian(n, f) + 0.5
    assert vendi_score(features).value == pytest.approx(_oracle(features), rel=1e-9)


@laws
@given(seed=st.integers(0, 99), scale=st.floats(0.01, 100))
def test_scale_order_and_rotation_change_nothing(seed: int, scale: float) -> None:
    features = _gaussian(20, 5, seed) + 0.5
    expected = pytest.approx(vendi_score(features).value, rel=1e-9)
    lengths = 1 + _gaussian(20, 1, seed + 1).abs()
    rotation = torch.linalg.qr(_gaussian(5, 5, seed)).Q
    assert vendi_score(scale * lengths * features).value == expected
    assert vendi_score(features.flip(0) @ rotation).value == expected


@laws
@given(n=st.integers(1, 20), f=st.integers(1, 20), seed=st.integers(0, 99))
def test_a_score_is_at_least_one_and_at_most_the_examples_and_the_features(n: int, f: int, seed: int) -> None:
    assert 1 - 1e-9 <= vendi_score(_gaussian(n, f, seed)).value <= min(n, f) + 1e-9


def test_fewer_modes_are_worth_less() -> None:
    centres = 20 * torch.eye(5)
    found = [vendi_score(centres[torch.arange(100) % modes] + _gaussian(100, 5)).value for modes in (5, 3, 1)]
    assert found == sorted(found, reverse=True)
    assert found[0] > 4 * found[2]


def test_single_precision_features_lose_no_digits() -> None:
    features = _gaussian(50).float() + 0.5
    assert vendi_score(features).value == vendi_score(features.double()).value


@pytest.mark.parametrize(("n", "f"), [(60, 5), (10, 30)])
def test_an_influence_is_the_derivative_by_the_weight_of_an_image(n: int, f: int) -> None:
    features, step = _gaussian(n, f) + 0.5, 1e-6
    found = vendi_score(features)
    slopes = []
    for i in range(n):
        weights = torch.full((n,), (1 - step) / n, dtype=torch.float64)
        weights[i] += step
        slopes.append((_oracle(features, weights) - found.value) / step)
    np.testing.assert_allclose(found.by_sample_S.numpy(), slopes, rtol=1e-3, atol=1e-3)
    assert found.by_sample_S.mean().item() == pytest.approx(0, abs=1e-9)


def test_an_influence_is_what_leaving_the_example_out_changes() -> None:
    features = _gaussian(100, 5) + 0.5
    found = vendi_score(features)
    changes = [vendi_score(torch.cat([features[:i], features[i + 1 :]])).value - found.value for i in range(100)]
    predicted = -found.by_sample_S.numpy() / 99
    assert np.corrcoef(predicted, changes)[0, 1] > 0.99
    assert np.polyfit(predicted, changes, 1)[0] == pytest.approx(1, abs=0.05)


def test_real_examples_have_no_influence() -> None:
    assert vendi_score(_gaussian(10), n_real=7).by_real_N.tolist() == [0.0] * 7
    assert vendi_score(_gaussian(10)).by_real_N.shape == (0,)


@pytest.mark.parametrize(
    "bad",
    [torch.zeros(0, 4), torch.zeros(9, 4), torch.full((9, 4), torch.nan), torch.full((9, 4), torch.inf)],
    ids=["no row", "all zero", "not a number", "infinite"],
)
def test_features_without_a_direction_are_refused(bad: Tensor) -> None:
    with pytest.raises(DataError) as caught:
        vendi_score(bad)
    assert caught.value.what == "the Vendi score"
    assert caught.value.found == f"{len(bad)} samples whose features are not finite, or all 0"
    assert caught.value.expected == "features that have a direction"
    assert "another feature extractor" in caught.value.remedy
