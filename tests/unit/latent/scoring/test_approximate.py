from importlib.util import find_spec
from typing import Any

import pytest
import torch

from lds_mlflow.errors import ConfigError, DataError
from lds_mlflow.latent import draw_candidates, score_directly
from lds_mlflow.latent.scoring import approximate
from lds_mlflow.latent.scoring.approximate import Certificate, NeighbourScorer, SubsampleScorer, certify
from lds_mlflow.values import Candidates
from tests.unit.latent.conftest import gaussian, norm_fifth

BOTH_ENDS = pytest.mark.parametrize("leave_out", [False, True])
needs_faiss = pytest.mark.skipif(find_spec("faiss") is None, reason="faiss is not installed")


def _case(n: int = 400, d: int = 8) -> tuple[Candidates, torch.Tensor, float]:
    z = gaussian(n, d)
    return draw_candidates(z, 500, generator=torch.Generator().manual_seed(0)), z, norm_fifth(z)


@BOTH_ENDS
def test_a_subsample_of_all_is_exact(leave_out: bool) -> None:
    candidates, z, sigma = _case()
    found = SubsampleScorer(1.0)(candidates, z, sigma=sigma, leave_endpoints_out=leave_out)
    exact = score_directly(candidates, z, sigma=sigma, leave_endpoints_out=leave_out)
    torch.testing.assert_close(found.log_lds_M, exact.log_lds_M, rtol=0, atol=1e-5)
    assert found.endpoints_left_out is leave_out


@BOTH_ENDS
def test_a_subsample_is_right_in_the_mean_over_seeds(leave_out: bool) -> None:
    candidates, z, sigma = _case()
    exact = score_directly(candidates, z, sigma=sigma, leave_endpoints_out=leave_out).log_lds_M.exp()
    draws = [
        SubsampleScorer(0.25, seed)(candidates, z, sigma=sigma, leave_endpoints_out=leave_out).log_lds_M.exp()
        for seed in range(60)
    ]
    estimates = torch.stack(draws)
    error = (estimates.mean(0) - exact) / (estimates.std(0) / 60**0.5)
    # 500 standard normal deviates: their mean square is 1 with a standard deviation of 0.06.
    assert error.square().mean() < 1.5


def test_a_subsample_knows_the_parents_exactly() -> None:
    # In many dimensions the two parents supply nearly the whole score.
    z = gaussian(300, 128)
    candidates = draw_candidates(z, 200, generator=torch.Generator().manual_seed(0))
    found = SubsampleScorer(0.1)(candidates, z, sigma=norm_fifth(z), leave_endpoints_out=False)
    exact = score_directly(candidates, z, sigma=norm_fifth(z))
    near = (candidates.alpha_M < 0.15) | (candidates.alpha_M > 0.85)
    torch.testing.assert_close(found.log_lds_M[near], exact.log_lds_M[near], rtol=0, atol=1e-3)


@pytest.mark.parametrize("share", [0, -0.1, 1.1])
def test_a_share_out_of_range_is_refused(share: float) -> None:
    with pytest.raises(ConfigError, match="above 0, at most 1"):
        SubsampleScorer(share)


@needs_faiss
@BOTH_ENDS
def test_all_neighbours_are_exact(leave_out: bool) -> None:
    candidates, z, sigma = _case()
    found = NeighbourScorer(400)(candidates, z, sigma=sigma, leave_endpoints_out=leave_out)
    exact = score_directly(candidates, z, sigma=sigma, leave_endpoints_out=leave_out)
    torch.testing.assert_close(found.log_lds_M, exact.log_lds_M, rtol=0, atol=1e-4)


@needs_faiss
@BOTH_ENDS
def test_fewer_neighbours_never_score_higher_and_more_come_nearer(leave_out: bool) -> None:
    candidates, z, sigma = _case()
    exact = score_directly(candidates, z, sigma=sigma, leave_endpoints_out=leave_out).log_lds_M
    scores = [
        NeighbourScorer(k)(candidates, z, sigma=sigma, leave_endpoints_out=leave_out).log_lds_M for k in (5, 50, 300)
    ]
    gaps = [(exact - found) for found in scores]
    assert all((gap > -1e-4).all() for gap in gaps)
    assert gaps[0].mean() > gaps[1].mean() > gaps[2].mean()


@needs_faiss
def test_an_approximate_index_is_taken_by_its_name() -> None:
    candidates, z, sigma = _case()
    options: dict[str, Any] = {"sigma": sigma, "leave_endpoints_out": True}
    flat, listed = (NeighbourScorer(20, index)(candidates, z, **options).log_lds_M for index in ("Flat", "IVF8,Flat"))
    assert (listed <= flat + 1e-4).all()
    assert (listed < flat - 1e-4).any()


def test_without_faiss_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    candidates, z, sigma = _case(50)
    monkeypatch.setitem(__import__("sys").modules, "faiss", None)
    with pytest.raises(ConfigError, match="extra neighbours"):
        NeighbourScorer()(candidates, z, sigma=sigma, leave_endpoints_out=False)


def test_no_neighbours_are_refused() -> None:
    with pytest.raises(ConfigError, match="1 or more"):
        NeighbourScorer(0)


@pytest.mark.parametrize("scorer", [SubsampleScorer(), pytest.param(NeighbourScorer(), marks=needs_faiss)])
def test_a_latent_that_is_not_finite_is_named(scorer: Any) -> None:
    candidates, z, sigma = _case(50)
    z[3] = torch.nan
    with pytest.raises(DataError, match="not finite"):
        scorer(candidates, z, sigma=sigma, leave_endpoints_out=True)


def _certify(scorer: Any) -> Certificate:
    candidates, z, sigma = _case()
    return certify(
        scorer,
        candidates,
        z,
        sigma=sigma,
        leave_endpoints_out=True,
        top_fraction=0.2,
        generator=torch.Generator().manual_seed(1),
    )


def test_an_exact_scorer_is_certified_as_one() -> None:
    found = _certify(score_directly)
    assert found.overlap == 1
    assert found.max_abs_error < 1e-5
    assert found.n == 500


def test_an_approximate_scorer_is_certified_by_what_it_misses() -> None:
    rough, fine = _certify(SubsampleScorer(0.05)), _certify(SubsampleScorer(0.6))
    assert 0.2 < rough.overlap < fine.overlap < 1
    assert rough.mean_abs_error > fine.mean_abs_error > 0
    assert rough.max_abs_error > rough.mean_abs_error


def test_a_scorer_that_ranks_at_random_overlaps_by_chance() -> None:
    def at_random(candidates: Candidates, z_ND: torch.Tensor, **options: Any) -> Any:
        exact = score_directly(candidates, z_ND, **options)
        order = torch.randperm(len(exact.log_lds_M), generator=torch.Generator().manual_seed(2))
        return type(exact)(exact.log_lds_M[order], exact.sigma, exact.endpoints_left_out)

    # 100 of 500 against 100 of 500: 20 in the mean, with a standard deviation of 3.6.
    assert _certify(at_random).overlap == pytest.approx(0.2, abs=0.15)


def test_a_slice_is_no_larger_than_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(approximate, "_CERTIFIED", 50)
    assert _certify(SubsampleScorer()).n == 50


def test_a_certificate_reads_as_a_sentence() -> None:
    assert str(Certificate(2000, 0.2, 0.912, 0.031, 0.4)) == (
        "approximate scores, checked on 2,000 candidates: 91.2% of the exact top 20% is found; "
        "log LDS is off by 0.031 in the mean, 0.4 at most"
    )


@pytest.mark.parametrize("rows", [3, 100, 4096])
def test_the_batches_do_not_matter(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    candidates, z, sigma = _case(60)
    whole = SubsampleScorer()(candidates, z, sigma=sigma, leave_endpoints_out=False)
    monkeypatch.setattr(approximate, "_ROWS", rows)
    again = SubsampleScorer()(candidates, z, sigma=sigma, leave_endpoints_out=False)
    torch.testing.assert_close(again.log_lds_M, whole.log_lds_M, rtol=1e-12, atol=1e-12)
