from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lds_mlflow.errors import ConfigError, DataError
from lds_mlflow.latent import draw_candidates, score_candidates, score_directly, score_factored
from lds_mlflow.latent.scoring import factored, scorers
from lds_mlflow.latent.scoring.anchors import RELATIVE_LOSS
from lds_mlflow.latent.scoring.factored import is_factorable
from lds_mlflow.values import Candidates
from tests.unit.latent.conftest import every_interpolant, gaussian, norm_fifth, oracle

laws = settings(max_examples=30, deadline=None)


def _draw(z_ND: Tensor, n: int = 60, *, every_alpha: bool = False) -> Candidates:
    return draw_candidates(z_ND, n, generator=torch.Generator().manual_seed(0), every_alpha=every_alpha)


def _assert_exact(z: Tensor, candidates: Candidates, sigma: float, atol: float = 1e-5) -> None:
    for leave_out in (False, True):
        found = score_factored(candidates, z, sigma=sigma, leave_endpoints_out=leave_out).log_lds_M
        expected = oracle(candidates, z, sigma, leave_endpoints_out=leave_out)
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=atol)


@pytest.mark.usefixtures("each_kernel")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("n", "d"), [(40, 1), (40, 2), (60, 32), (80, 512)])
def test_factored_scores_are_those_of_the_distances(n: int, d: int, dtype: torch.dtype) -> None:
    z = gaussian(n, d, dtype=dtype)
    _assert_exact(z, _draw(z), norm_fifth(z))
    _assert_exact(z, _draw(z, every_alpha=True), norm_fifth(z))


@pytest.mark.usefixtures("each_kernel")
@pytest.mark.parametrize("factor", [1e-3, 0.03, 0.2, 3.0, 1e3])
@pytest.mark.parametrize("d", [1, 64])
def test_no_bandwidth_is_too_small_or_too_large(d: int, factor: float) -> None:
    z = gaussian(50, d)
    sigma = factor * norm_fifth(z)
    for leave_out in (False, True):
        found = score_factored(_draw(z), z, sigma=sigma, leave_endpoints_out=leave_out).log_lds_M
        expected = oracle(_draw(z), z, sigma, leave_endpoints_out=leave_out)
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-5)


def test_what_float32_can_not_hold_is_counted_and_right() -> None:
    # Two far clusters: between them every kernel underflows, and near them none does.
    z = torch.cat([0.05 * gaussian(30, 4), 0.05 * gaussian(30, 4, seed=1) + 8.7])
    candidates = every_interpolant(z)
    scores = score_factored(candidates, z, sigma=1.0, leave_endpoints_out=True)
    expected = oracle(candidates, z, 1.0, leave_endpoints_out=True)
    assert 0 < scores.rescored < len(expected)
    # Latents this far apart are just within what float32 is trusted with.
    torch.testing.assert_close(scores.log_lds_M, expected, rtol=0, atol=3e-5)


def test_an_anchor_whose_sample_saw_no_neighbour_is_still_right(monkeypatch: pytest.MonkeyPatch) -> None:
    # The shift comes from a sample; the nearest latents may lie hundreds of nats nearer.
    z = torch.cat([gaussian(20, 3), gaussian(20, 3, seed=1) + 40, gaussian(1, 3) + 20])
    monkeypatch.setattr("lds_mlflow.latent.scoring.anchors._SAMPLE", 1)
    candidates = _draw(z, 200)
    found = score_factored(candidates, z, sigma=1.5, leave_endpoints_out=True)
    expected = oracle(candidates, z, 1.5, leave_endpoints_out=True)
    torch.testing.assert_close(found.log_lds_M, expected, rtol=1e-9, atol=1e-5)


@laws
@given(seed=st.integers(0, 2**31), n=st.integers(3, 20), d=st.integers(1, 6), scale=st.floats(1e-2, 1e2))
def test_factored_is_direct(seed: int, n: int, d: int, scale: float) -> None:
    z = scale * gaussian(n, d, seed, torch.float64)
    candidates, sigma = _draw(z), norm_fifth(z)
    for leave_out in (False, True):
        factored_scores = score_factored(candidates, z, sigma=sigma, leave_endpoints_out=leave_out)
        direct = score_directly(candidates, z, sigma=sigma, leave_endpoints_out=leave_out)
        # Candidates carry alpha in float32, the factored scorer takes the tenth: 3e-9 of the exponents apart.
        torch.testing.assert_close(factored_scores.log_lds_M, direct.log_lds_M, rtol=1e-6, atol=1e-6)


def test_the_mirror_image_of_a_candidate_scores_alike() -> None:
    z = gaussian(30, 8)
    candidates = _draw(z)
    mirrored = Candidates(candidates.z_MD, candidates.parents_M2.flip(1), 1 - candidates.alpha_M)
    scores = [score_factored(some, z, sigma=1.0).log_lds_M for some in (candidates, mirrored)]
    assert torch.equal(*scores)


@pytest.mark.usefixtures("each_kernel")
def test_copies_of_a_parent_stay_in_the_sum() -> None:
    z = gaussian(20, 5)
    _assert_exact(torch.cat([z, z[:7], z[:7]]), _draw(torch.cat([z, z[:7], z[:7]])), norm_fifth(z))


def test_latents_that_are_all_alike_score_one() -> None:
    z = torch.ones(6, 3)
    scores = score_factored(_draw(z), z, sigma=0.5, leave_endpoints_out=True).log_lds_M
    torch.testing.assert_close(scores, torch.zeros_like(scores), rtol=0, atol=1e-6)


def test_two_latents_have_a_score_with_their_endpoints_and_none_without() -> None:
    z = torch.tensor([[0.0], [1.0]])
    _ = score_factored(_draw(z), z, sigma=1.0)
    with pytest.raises(DataError, match="keep the endpoints in"):
        score_factored(_draw(z), z, sigma=1.0, leave_endpoints_out=True)


@pytest.mark.usefixtures("each_kernel")
@pytest.mark.parametrize("columns", [1, 7, 69, 70])
def test_the_width_of_a_stripe_does_not_matter(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    z = gaussian(70, 6)
    candidates = every_interpolant(z)
    whole = score_factored(candidates, z, sigma=1.0).log_lds_M
    monkeypatch.setattr(factored, "_FEWEST_COLUMNS", 1)
    monkeypatch.setattr(factored, "_MOST_COLUMNS", columns)
    torch.testing.assert_close(score_factored(candidates, z, sigma=1.0).log_lds_M, whole, rtol=0, atol=2e-6)


def test_a_few_anchors_among_many_latents() -> None:
    z = gaussian(300, 6)
    pool = _draw(z[:10])
    _assert_exact(z, pool, 1.0)


@pytest.mark.parametrize("kind", ["slerp", "variance-preserving"])
def test_other_interpolants_are_refused_with_the_remedy(kind: str) -> None:
    z = gaussian(10, 3)
    candidates = draw_candidates(z, 5, generator=torch.Generator(), interpolation=kind)
    assert not is_factorable(candidates)
    with pytest.raises(ConfigError, match="score_directly") as caught:
        score_factored(candidates, z, sigma=1.0)
    assert kind in caught.value.found


def test_alphas_off_the_grid_are_not_factored() -> None:
    z = gaussian(10, 3)
    assert not is_factorable(replace(_draw(z), alpha_M=torch.full((60,), 0.25)))


def test_a_latent_that_is_not_finite_is_named() -> None:
    z = gaussian(10, 3)
    candidates = _draw(z)
    z[[4, 6]] = torch.inf
    with pytest.raises(DataError) as caught:
        score_factored(candidates, z, sigma=1.0)
    assert caught.value.what == "training latent 4"


def test_candidates_are_factored_where_that_pays_and_scored_directly_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    used: list[str] = []
    for name in ("score_factored", "score_directly"):
        monkeypatch.setattr(scorers, name, _noting(name, used))
    z = gaussian(200, 64)
    score_candidates(_draw(z, 2_000, every_alpha=True), z, sigma=1.0)
    score_candidates(_draw(z, 10), z, sigma=1.0)
    score_candidates(replace(_draw(z, 2_000), interpolation="slerp"), z, sigma=1.0)
    assert used == ["score_factored", "score_directly", "score_directly"]


def _noting(name: str, used: list[str]) -> object:
    def score(*_args: object, **_options: object) -> None:
        used.append(name)

    return score


def test_what_may_be_lost_is_small() -> None:
    assert RELATIVE_LOSS <= 1e-6


@pytest.mark.parametrize("sigma", [0.0, -1.0, float("nan"), float("inf")])
def test_a_bandwidth_that_is_no_width_is_refused(sigma: float) -> None:
    z = gaussian(10, 3)
    for score in (score_factored, score_directly):
        with pytest.raises(ConfigError, match="a number from 1e-15 to"):
            score(_draw(z), z, sigma=sigma)
