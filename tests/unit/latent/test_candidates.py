from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lds_mlflow.choices.interpolations import INTERPOLATIONS
from lds_mlflow.errors import ConfigError, DataError
from lds_mlflow.latent.candidates import draw_candidates, interpolate
from lds_mlflow.latent.neighbours import nearest_latents
from lds_mlflow.values import Candidates

sizes = st.integers(2, 20)
dims = st.integers(1, 6)
seeds = st.integers(0, 2**31)


def _latents(n: int, d: int, seed: int = 0) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def _draw(z_ND: Tensor, n: int, seed: int = 0, **options: Any) -> Candidates:
    return draw_candidates(z_ND, n, generator=torch.Generator().manual_seed(seed), **options)


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
    assert "Bring more training examples" in caught.value.remedy


@pytest.mark.parametrize("kind", INTERPOLATIONS)
def test_every_kind_of_interpolant_ends_at_its_parents(kind: str) -> None:
    z = _latents(40, 6)
    first, second, centre = z[:20], z[20:], z.mean(0)
    # Linear and variance-preserving to the digit; slerp by sines.
    for alpha, parent in ((0.0, first), (1.0, second)):
        found = interpolate(first, second, torch.full((20,), alpha), kind, centre_D=centre)
        torch.testing.assert_close(found, parent, rtol=1e-4, atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(seed=seeds, tenth=st.integers(1, 9), kind=st.sampled_from(sorted(INTERPOLATIONS)), offset=st.floats(-5, 5))
def test_an_interpolant_mirrors_and_moves_with_its_parents(seed: int, tenth: int, kind: str, offset: float) -> None:
    z = _latents(10, 4, seed).double()
    alpha, centre = torch.full((5,), tenth / 10, dtype=torch.float64), z.mean(0)
    found = interpolate(z[:5], z[5:], alpha, kind, centre_D=centre)
    torch.testing.assert_close(interpolate(z[5:], z[:5], 1 - alpha, kind, centre_D=centre), found)
    moved = interpolate(z[:5] + offset, z[5:] + offset, alpha, kind, centre_D=centre + offset)
    torch.testing.assert_close(moved, found + offset, rtol=1e-6, atol=1e-6)


def test_in_many_dimensions_linear_interpolants_shrink_and_the_others_do_not() -> None:
    z = _latents(500, 256)
    ratios = {}
    for kind in INTERPOLATIONS:
        candidates = _draw(z, 2_000, interpolation=kind)
        ratios[kind] = float(candidates.z_MD.norm(dim=1).mean() / z.norm(dim=1).mean())
        assert candidates.interpolation == kind
    # sqrt(a^2 + (1-a)^2), in the mean over the nine tenths: 0.794.
    assert ratios["linear"] == pytest.approx(0.794, abs=0.01)
    assert ratios["slerp"] == pytest.approx(1, abs=0.02)
    assert ratios["variance-preserving"] == pytest.approx(1, abs=0.02)


def test_slerp_of_equal_norms_stays_on_the_sphere() -> None:
    u = torch.nn.functional.normalize(_latents(50, 5), dim=1)
    alpha = torch.linspace(0.1, 0.9, 25)
    found = interpolate(u[:25], u[25:], alpha, "slerp", centre_D=torch.zeros(5))
    torch.testing.assert_close(found.norm(dim=1), torch.ones(25))


@pytest.mark.parametrize(
    ("first", "second"), [([1.0, 2.0], [1.0, 2.0]), ([1.0, 2.0], [-1.0, -2.0]), ([0.0, 0.0], [1.0, 2.0])]
)
def test_slerp_is_linear_where_there_is_no_great_circle(first: list[float], second: list[float]) -> None:
    u, v = torch.tensor([first]), torch.tensor([second])
    found = interpolate(u, v, torch.tensor([0.3]), "slerp", centre_D=torch.zeros(2))
    torch.testing.assert_close(found, torch.lerp(u, v, 0.3))


def test_every_alpha_gives_each_pair_all_nine_and_the_exact_number() -> None:
    candidates = _draw(_latents(20, 2), 40, every_alpha=True)
    assert candidates.alpha_M[:9].mul(10).round().tolist() == list(range(1, 10))
    assert len(candidates.alpha_M) == len(candidates.z_MD) == len(candidates.parents_M2) == 40
    assert len(candidates.parents_M2[:36].unique(dim=0)) == 4


def test_second_parents_are_drawn_among_the_nearest() -> None:
    z = _latents(60, 3)
    near = nearest_latents(z, 4)
    parents = _draw(z, 2_000, neighbours=4).parents_M2
    assert (near[parents[:, 0]] == parents[:, 1:]).any(1).all()
    assert len(parents.unique(dim=0)) == 60 * 4


@pytest.mark.parametrize("neighbours", [-1, 10, 11])
def test_more_neighbours_than_there_are_others_are_refused(neighbours: int) -> None:
    with pytest.raises(ConfigError) as caught:
        _draw(_latents(10, 2), 5, neighbours=neighbours)
    assert "at most 9" in caught.value.expected


def test_any_other_interpolation_is_refused_with_the_choices() -> None:
    with pytest.raises(ConfigError, match="linear, slerp, variance-preserving"):
        _draw(_latents(10, 2), 5, interpolation="cubic")


def test_a_latent_that_is_not_finite_is_named() -> None:
    z = _latents(10, 2)
    z[4, 1] = torch.nan
    with pytest.raises(DataError) as caught:
        _draw(z, 5)
    assert caught.value.what == "training latent 4"
