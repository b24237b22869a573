from math import log

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch import Tensor

from lds_mlflow.errors import DataError
from lds_mlflow.latent import (
    bandwidth,
    draw_candidates,
    latent_space,
    leave_one_out_log_density,
    log_density,
    score_candidates,
    score_directly,
)
from lds_mlflow.latent.scoring import density
from lds_mlflow.values import Candidates

sigmas = st.floats(0.1, 10)
scales = st.floats(1e-2, 1e2)


@st.composite
def latent_sets(draw: st.DrawFn) -> Tensor:
    """Three to eight latents in up to four dimensions; many are alike, which is where a sum is easily wrong."""
    shape = (draw(st.integers(3, 8)), draw(st.integers(1, 4)))
    entries = st.floats(-10, 10, width=32) | st.integers(-2, 2).map(float)
    return torch.from_numpy(draw(hnp.arrays("float64", shape, elements=entries)))


laws = settings(max_examples=40, deadline=None)


def _gaussian(n: int, d: int, seed: int = 0) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def _candidates(z_ND: Tensor, n: int = 20, seed: int = 0) -> Candidates:
    return draw_candidates(z_ND, n, generator=torch.Generator().manual_seed(seed))


def _assert_close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-7)


def test_the_score_is_the_mean_of_the_kernels() -> None:
    z = torch.tensor([[0.0], [1.0], [3.0]])
    expected = torch.tensor([(1 + torch.exp(torch.tensor(-0.5)) + torch.exp(torch.tensor(-4.5))) / 3])
    torch.testing.assert_close(log_density(torch.zeros(1, 1), z, sigma=1.0).exp().float(), expected)


def test_a_lone_latent_scores_itself_one() -> None:
    z = torch.tensor([[5.0, -2.0]])
    assert log_density(z, z, sigma=0.3).tolist() == [0.0]


def test_scores_are_float64_one_a_candidate() -> None:
    z = _gaussian(30, 4)
    scores = score_candidates(_candidates(z, 11), z, sigma=0.5)
    assert (scores.log_lds_M.shape, scores.log_lds_M.dtype) == ((11,), torch.float64)
    assert (scores.sigma, scores.endpoints_left_out) == (0.5, False)


@laws
@given(z=latent_sets(), sigma=sigmas)
def test_no_score_is_above_one_and_none_at_a_latent_is_below_its_own_share(z: Tensor, sigma: float) -> None:
    scores = log_density(z, z, sigma=sigma)
    assert scores.max() <= 1e-9
    assert scores.min() >= -log(len(z)) - 1e-9


@laws
@given(z=latent_sets(), sigma=sigmas, data=st.data())
def test_permuting_the_training_latents_changes_nothing(z: Tensor, sigma: float, data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(z))))
    points = _candidates(z).z_MD
    _assert_close(log_density(points, z[order], sigma=sigma), log_density(points, z, sigma=sigma))


@laws
@given(z=latent_sets(), sigma=sigmas, scale=scales)
def test_scaling_latents_and_sigma_together_changes_nothing(z: Tensor, sigma: float, scale: float) -> None:
    points = _candidates(z).z_MD
    _assert_close(log_density(scale * points, scale * z, sigma=scale * sigma), log_density(points, z, sigma=sigma))


@laws
@given(z=latent_sets(), sigma=sigmas, offset=st.floats(-1e3, 1e3))
def test_moving_points_and_latents_together_changes_nothing(z: Tensor, sigma: float, offset: float) -> None:
    points = _candidates(z).z_MD
    _assert_close(log_density(points + offset, z + offset, sigma=sigma), log_density(points, z, sigma=sigma))


@laws
@given(z=latent_sets(), sigma=sigmas)
def test_leaving_endpoints_out_is_removing_the_two_parents_from_the_training_set(z: Tensor, sigma: float) -> None:
    candidates = _candidates(z)
    found = score_candidates(candidates, z, sigma=sigma, leave_endpoints_out=True).log_lds_M
    others = [z[[i for i in range(len(z)) if i not in parents]] for parents in candidates.parents_M2.tolist()]
    rows = zip(candidates.z_MD.split(1), others, strict=True)
    _assert_close(found, torch.cat([log_density(point, rest, sigma=sigma) for point, rest in rows]))


@laws
@given(z=latent_sets(), sigma=sigmas)
def test_a_second_copy_of_every_latent_changes_nothing(z: Tensor, sigma: float) -> None:
    points = _candidates(z).z_MD
    _assert_close(log_density(points, torch.cat([z, z]), sigma=sigma), log_density(points, z, sigma=sigma))


@pytest.mark.parametrize("leave_endpoints_out", [False, True])
@pytest.mark.parametrize(("block", "tile"), [(1, (1, 1)), (7, (3, 5)), (40, (64, 39)), (1000, (2, 1000))])
@pytest.mark.usefixtures("each_kernel")
def test_the_size_of_a_tile_does_not_matter(
    monkeypatch: pytest.MonkeyPatch, block: int, tile: tuple[int, int], leave_endpoints_out: bool
) -> None:
    z = _gaussian(40, 3)
    candidates = _candidates(z, 25)
    whole = score_directly(candidates, z, sigma=0.4, leave_endpoints_out=leave_endpoints_out)
    monkeypatch.setattr(density, "_BLOCK", block)
    monkeypatch.setattr(density, "_TILES", {"cpu": tile})
    tiled = score_directly(candidates, z, sigma=0.4, leave_endpoints_out=leave_endpoints_out)
    torch.testing.assert_close(tiled.log_lds_M, whole.log_lds_M, rtol=0, atol=1e-5)


def test_the_type_of_the_latents_does_not_matter() -> None:
    z = _gaussian(40, 3)
    points = _candidates(z).z_MD
    found = log_density(points, z, sigma=0.4)
    torch.testing.assert_close(found, log_density(points.double(), z.double(), sigma=0.4), rtol=0, atol=1e-5)


def test_float32_latents_are_scored_in_float64_where_they_need_it() -> None:
    z = _gaussian(40, 3)
    points = _candidates(z).z_MD
    exact = log_density(points.double(), z.double(), sigma=0.003)
    torch.testing.assert_close(log_density(points, z, sigma=0.003), exact, rtol=1e-12, atol=1e-9)


def test_the_scores_of_training_latents_leave_each_out_of_its_own_sum() -> None:
    z = _gaussian(30, 4).double()
    found = leave_one_out_log_density(z, sigma=0.7)
    rest = [torch.cat([z[:i], z[i + 1 :]]) for i in range(30)]
    _assert_close(found, torch.cat([log_density(z[i : i + 1], rest[i], sigma=0.7) for i in range(30)]))


def test_latents_far_from_the_origin_keep_their_digits() -> None:
    z = _gaussian(40, 3).double()
    points = _candidates(z).z_MD
    moved = log_density(points + 1e6, z + 1e6, sigma=0.1)
    torch.testing.assert_close(moved, log_density(points, z, sigma=0.1), rtol=1e-6, atol=1e-6)


def test_log_scores_stay_finite_where_the_scores_underflow() -> None:
    z = _gaussian(50, 64)
    scores = score_candidates(_candidates(z), z, sigma=0.02, leave_endpoints_out=True).log_lds_M
    assert (scores.exp() == 0).all()
    assert scores.isfinite().all()
    assert len(scores.unique()) == len(scores)


def test_moving_all_latents_changes_nothing_under_the_centred_bandwidth() -> None:
    z = _gaussian(100, 8).double()
    centred = [latent_space(latents, "centred").map(latents) for latents in (z, z + 3)]
    scores = [_scores_by_rule(latents, "norm/5") for latents in centred]
    _assert_close(scores[1], scores[0])


def test_moving_all_latents_changes_scores_and_order_under_the_bandwidth_of_the_draft() -> None:
    z = _gaussian(100, 8).double()
    here, there = (_scores_by_rule(latents, "norm/5") for latents in (z, z + 3))
    assert (here - there).abs().min() > 0.5
    assert _top_fifth(here) != _top_fifth(there)


def _scores_by_rule(z_ND: Tensor, rule: str) -> Tensor:
    return score_candidates(_candidates(z_ND, 200), z_ND, sigma=bandwidth(z_ND, rule).sigma).log_lds_M


def _top_fifth(scores: Tensor) -> set[int]:
    return set(scores.topk(len(scores) // 5).indices.tolist())


@settings(max_examples=15, deadline=None)
@given(d=st.integers(1, 40), decay=st.floats(0.2, 1.0), seed=st.integers(0, 2**31))
def test_the_score_of_a_centred_gaussian_never_exceeds_the_root_of_a_twenty_sixth(
    d: int, decay: float, seed: int
) -> None:
    # In one dimension it comes nearest: 0.158 at the mean, of 2,000 latents with a standard error of 0.007.
    z = _gaussian(2_000, d, seed) * decay ** torch.arange(d)
    candidates = _candidates(z, 200, seed)
    points = torch.cat([candidates.z_MD, torch.zeros(1, d)])
    assert log_density(points, z, sigma=bandwidth(z, "norm/5").sigma).exp().max() < 26**-0.5


@pytest.mark.parametrize("d", [32, 64, 128])
def test_in_many_dimensions_a_candidate_s_own_parents_supply_its_score(d: int) -> None:
    z = _gaussian(500, d)
    candidates = _candidates(z, 1_000)
    sigma = bandwidth(z, "norm/5").sigma
    whole = score_candidates(candidates, z, sigma=sigma).log_lds_M
    rest = score_candidates(candidates, z, sigma=sigma, leave_endpoints_out=True).log_lds_M
    share = 1 - (rest + log(498) - whole - log(500)).exp()
    assert share[list(_top_fifth(whole))].min() > 0.99


@pytest.mark.parametrize("leave_endpoints_out", [False, True])
def test_a_latent_that_is_not_finite_is_named(leave_endpoints_out: bool) -> None:
    z = _gaussian(10, 2)
    candidates = _candidates(z)
    z[[3, 7]] = torch.nan
    with pytest.raises(DataError) as caught:
        score_candidates(candidates, z, sigma=1.0, leave_endpoints_out=leave_endpoints_out)
    assert caught.value.what == "training latent 3"
    assert "2 such rows" in caught.value.found
    assert "smaller learning rate" in caught.value.remedy


def test_a_point_that_is_not_finite_is_named() -> None:
    with pytest.raises(DataError) as caught:
        log_density(torch.tensor([[0.0], [torch.inf]]), torch.zeros(3, 1), sigma=1.0)
    assert caught.value.what == "point to score 1"
    assert caught.value.expected == "finite numbers"


def test_two_latents_leave_nothing_when_both_endpoints_are_left_out() -> None:
    z = _gaussian(2, 3)
    with pytest.raises(DataError) as caught:
        score_candidates(_candidates(z), z, sigma=1.0, leave_endpoints_out=True)
    assert caught.value.found == "2"
    assert "keep the endpoints in" in caught.value.remedy


def test_no_points_have_no_scores() -> None:
    assert log_density(torch.empty(0, 3), _gaussian(5, 3), sigma=1.0).shape == (0,)
