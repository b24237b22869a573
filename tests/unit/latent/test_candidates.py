import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lds_mlflow.errors import DataError
from lds_mlflow.latent import draw_candidates
from lds_mlflow.values import Candidates

sizes = st.integers(2, 20)
dims = st.integers(1, 6)
seeds = st.integers(0, 2**31)


def _latents(n: int, d: int, seed: int = 0) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def _draw(z_ND: Tensor, n: int, seed: int = 0) -> Candidates:
    return draw_candidates(z_ND, n, generator=torch.Generator().manual_seed(seed))


@settings(max_examples=30, deadline=None)
@given(n=sizes, d=dims, seed=seeds)
def test_a_candidate_lies_on_the_segment_between_its_parents(n: int, d: int, seed: int) -> None:
    z = _latents(n, d, seed)
    candidates = _draw(z, 50, seed)
    first, second = z[candidates.parents_M2[:, 0]], z[candidates.parents_M2[:, 1]]
    alpha = candidates.alpha_M[:, None]
    torch.testing.assert_close(candidates.z_MD, (1 - alpha) * first + alpha * second)


@settings(max_examples=30, deadline=None)
@given(n=sizes, seed=seeds)
def test_parents_are_two_different_training_latents(n: int, seed: int) -> None:
    parents = _draw(_latents(n, 2), 50, seed).parents_M2
    assert (parents[:, 0] != parents[:, 1]).all()
    assert (parents.min() >= 0) & (parents.max() < n)


@settings(max_examples=30, deadline=None)
@given(seed=seeds)
def test_alphas_are_tenths_from_one_to_nine(seed: int) -> None:
    tenths = 10 * _draw(_latents(5, 2), 50, seed).alpha_M
    torch.testing.assert_close(tenths, tenths.round())
    assert set(tenths.round().tolist()) <= set(range(1, 10))


def test_every_alpha_and_every_ordered_pair_comes_about_equally_often() -> None:
    candidates = _draw(_latents(4, 2), 9_000)
    _, of_alphas = candidates.alpha_M.unique(return_counts=True)
    _, of_pairs = candidates.parents_M2.unique(dim=0, return_counts=True)
    assert (len(of_alphas), len(of_pairs)) == (9, 12)
    # Counts are binomial with a standard deviation of 30 and 26: five of them.
    assert (of_alphas - 1_000).abs().max() < 150
    assert (of_pairs - 750).abs().max() < 130


def test_shapes_and_types_are_those_of_the_value() -> None:
    candidates = _draw(_latents(6, 3), 10)
    assert (candidates.z_MD.shape, candidates.z_MD.dtype) == ((10, 3), torch.float32)
    assert (candidates.parents_M2.shape, candidates.parents_M2.dtype) == ((10, 2), torch.int64)
    assert (candidates.alpha_M.shape, candidates.alpha_M.dtype) == ((10,), torch.float32)


def test_one_seed_draws_alike_and_another_otherwise() -> None:
    z = _latents(30, 2)
    assert torch.equal(_draw(z, 20, seed=1).z_MD, _draw(z, 20, seed=1).z_MD)
    assert not torch.equal(_draw(z, 20, seed=1).z_MD, _draw(z, 20, seed=2).z_MD)


def test_the_seed_alone_decides_parents_and_alphas() -> None:
    one, other = _draw(_latents(9, 2, seed=1), 20), _draw(_latents(9, 5, seed=2), 20)
    assert torch.equal(one.parents_M2, other.parents_M2)
    assert torch.equal(one.alpha_M, other.alpha_M)


def test_linear_candidates_have_shrunken_norms() -> None:
    # E|z_new|^2 = ((1 - alpha)^2 + alpha^2) d, which is 57/90 d over the nine alphas.
    z = _latents(500, 64)
    candidates = _draw(z, 2_000)
    ratio = candidates.z_MD.square().sum(1).mean() / z.square().sum(1).mean()
    assert ratio == pytest.approx(57 / 90, rel=0.03)


def test_no_candidates_can_be_asked_for() -> None:
    assert _draw(_latents(3, 2), 0).z_MD.shape == (0, 2)


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_latents_are_refused(n: int) -> None:
    with pytest.raises(DataError) as caught:
        _draw(_latents(n, 2), 5)
    assert caught.value.found == str(n)
    assert "at least 2" in caught.value.expected
    assert "Bring more training images" in caught.value.remedy
