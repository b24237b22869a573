from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from lds_mlflow.errors import ConfigError, DataError
from lds_mlflow.latent import score_exhaustively, score_factored
from lds_mlflow.latent.scoring import exhaustive, kernels, tiles
from lds_mlflow.latent.scoring.best import BestCodes
from tests.forks import Forks
from tests.servers import PATIENCE_SECONDS
from tests.unit.latent.conftest import every_interpolant, gaussian, norm_fifth, oracle

_WAITS = ("aten::nonzero", "aten::_local_scalar_dense", "aten::masked_select", "aten::_unique2")
"""Operations whose result, or the shape of it, a program has to wait for on a GPU; an index by a mask is a nonzero."""


def _best(z: Tensor, keep: int, sigma: float, *, leave_out: bool) -> Tensor:
    return oracle(every_interpolant(z), z, sigma, leave_endpoints_out=leave_out).sort(descending=True).values[:keep]


@pytest.mark.usefixtures("each_kernel")
@pytest.mark.parametrize("leave_out", [False, True])
@pytest.mark.parametrize(("n", "d"), [(20, 1), (40, 8), (50, 128)])
def test_the_best_of_all_are_found_with_their_scores(n: int, d: int, leave_out: bool) -> None:
    z = gaussian(n, d)
    sigma = norm_fifth(z)
    found = score_exhaustively(z, 300, sigma=sigma, leave_endpoints_out=leave_out)
    expected = _best(z, 300, sigma, leave_out=leave_out)
    torch.testing.assert_close(found.scores.log_lds_M, expected, rtol=0, atol=1e-5)
    own = oracle(found.candidates, z, sigma, leave_endpoints_out=leave_out)
    torch.testing.assert_close(found.scores.log_lds_M, own, rtol=0, atol=1e-5)


@pytest.mark.usefixtures("each_kernel")
@pytest.mark.parametrize(("side", "depth"), [(7, 3), (16, 100), (33, 10)])
def test_the_tiles_change_nothing(monkeypatch: pytest.MonkeyPatch, side: int, depth: int) -> None:
    z = gaussian(33, 6)
    whole = score_exhaustively(z, 500, sigma=1.0, leave_endpoints_out=True)
    monkeypatch.setattr(tiles, "_LARGEST_SIDE", side)
    monkeypatch.setattr(tiles, "_DIAGONAL_SIDE", 5)
    monkeypatch.setattr(tiles, "_DEPTH", depth)
    tiled = score_exhaustively(z, 500, sigma=1.0, leave_endpoints_out=True)
    torch.testing.assert_close(tiled.scores.log_lds_M, whole.scores.log_lds_M, rtol=0, atol=1e-5)
    assert tiled.census.n == whole.census.n == 9 * 33 * 32 // 2


def test_every_interpolant_is_met_once() -> None:
    z = gaussian(21, 4)
    found = score_exhaustively(z, 10_000, sigma=1.0).candidates
    swapped = found.parents_M2[:, 0] > found.parents_M2[:, 1]
    tenths = torch.where(swapped, 1 - found.alpha_M, found.alpha_M).mul(10).round().long()
    keys = torch.cat([found.parents_M2.sort(1).values, tenths[:, None]], dim=1)
    assert len(keys) == len(keys.unique(dim=0)) == 9 * 21 * 20 // 2
    first, second = (z[parents] for parents in found.parents_M2.T)
    assert torch.equal(found.z_MD, torch.lerp(first, second, found.alpha_M[:, None]))


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**31), n=st.integers(3, 30), leave_out=st.booleans())
def test_exhaustive_is_factored(seed: int, n: int, leave_out: bool) -> None:
    z = gaussian(n, 5, seed)
    found = score_exhaustively(z, 50, sigma=0.8, leave_endpoints_out=leave_out)
    pairs = score_factored(found.candidates, z, sigma=0.8, leave_endpoints_out=leave_out)
    torch.testing.assert_close(found.scores.log_lds_M, pairs.log_lds_M, rtol=0, atol=1e-5)


def test_the_densest_come_first() -> None:
    scores = score_exhaustively(gaussian(15, 3), 100, sigma=0.5).scores.log_lds_M
    assert (scores.diff() <= 0).all()


@pytest.mark.parametrize("leave_out", [False, True])
@pytest.mark.parametrize("sigma", [0.01, 0.05])
def test_what_underflows_is_rescored_or_shown_to_be_lower(sigma: float, leave_out: bool) -> None:
    z = gaussian(30, 3)
    found = score_exhaustively(z, 400, sigma=sigma, leave_endpoints_out=leave_out)
    expected = _best(z, 400, sigma, leave_out=leave_out)
    torch.testing.assert_close(found.scores.log_lds_M, expected, rtol=1e-9, atol=1e-5)
    assert found.census.rescored + found.census.out_of_range > 0
    assert found.scores.rescored == found.census.rescored


def test_what_float32_can_not_hold_is_rescored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exhaustive, "_TOO_MANY_LOST", 1.0)
    z = torch.cat([0.05 * gaussian(30, 4), 0.05 * gaussian(30, 4, seed=1) + 8.7])
    keep = 9 * 60 * 59 // 2
    found = score_exhaustively(z, keep, sigma=1.0, leave_endpoints_out=True)
    torch.testing.assert_close(found.scores.log_lds_M, _best(z, keep, 1.0, leave_out=True), rtol=1e-6, atol=1e-5)
    assert 0 < found.census.rescored < keep / 10


def test_where_float32_holds_too_little_the_products_are_in_float64(monkeypatch: pytest.MonkeyPatch) -> None:
    z = torch.cat([0.05 * gaussian(30, 4), 0.05 * gaussian(30, 4, seed=1) + 8.7])
    assert score_exhaustively(z, 100, sigma=1.0, leave_endpoints_out=True).census.rescored == 0


def test_the_census_counts_all_of_them_where_they_are() -> None:
    z = gaussian(25, 4)
    census = score_exhaustively(z, 10, sigma=0.9).census
    every = oracle(every_interpolant(z), z, 0.9, leave_endpoints_out=False)
    expected, _ = torch.histogram(every, census.edges_B1)
    # A score at an edge may be rounded over it.
    assert (census.counts_B.double() - expected).abs().sum() <= 4
    assert census.n == census.counts_B.sum() == len(every)


def test_a_gpu_is_waited_for_by_tiles_and_tenths_and_not_by_rows_or_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exhaustive, "_ROWS", {"cpu": exhaustive._ROWS["cuda"]})
    monkeypatch.setattr(kernels, "_fused", lambda: None)

    def waits_of(side: int, depth: int) -> int:
        monkeypatch.setattr(tiles, "_LARGEST_SIDE", side)
        monkeypatch.setattr(tiles, "_DEPTH", depth)
        with profile(activities=[ProfilerActivity.CPU]) as profiled:
            score_exhaustively(gaussian(60, 6), 50, sigma=1.0, leave_endpoints_out=True)
        return sum(event.count for event in profiled.key_averages() if event.key in _WAITS)

    one_tile, shallow, three_tiles = waits_of(60, 500), waits_of(60, 15), waits_of(30, 500)
    assert one_tile == shallow
    # Two tiles on the diagonal have five tenths each, and the one beside it nine; a tenth takes two at most.
    assert one_tile < three_tiles <= one_tile + 2 * (5 + 5 + 9)


@pytest.mark.parametrize("sigma", [1.0, 0.03])
def test_blocks_of_rows_change_neither_scores_nor_counts(monkeypatch: pytest.MonkeyPatch, sigma: float) -> None:
    def found(rows: int) -> exhaustive.ExhaustiveScores:
        monkeypatch.setattr(exhaustive, "_ROWS", {"cpu": rows})
        return score_exhaustively(gaussian(60, 3), 400, sigma=sigma, leave_endpoints_out=True)

    small, whole = found(7), found(4096)
    assert torch.equal(small.scores.log_lds_M, whole.scores.log_lds_M)
    assert torch.equal(small.candidates.parents_M2, whole.candidates.parents_M2)
    # With larger blocks the threshold rises later, and more is computed again that is below it.
    assert small.census.rescored + small.census.out_of_range == whole.census.rescored + whole.census.out_of_range
    assert small.census.n == small.census.counts_B.sum() == whole.census.counts_B.sum()


def test_progress_adds_up_to_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "_LARGEST_SIDE", 8)
    shares: list[float] = []
    score_exhaustively(gaussian(20, 3), 5, sigma=1.0, progress=shares.append)
    assert sum(shares) == pytest.approx(1)
    assert len(shares) > 3


def test_a_bandwidth_with_which_nothing_is_in_range_is_refused_at_once() -> None:
    with pytest.raises(ConfigError, match="leave the range of float64") as caught:
        score_exhaustively(gaussian(4_000, 3), 10, sigma=1e-6, leave_endpoints_out=True)
    assert "Give a larger one" in caught.value.remedy


@pytest.mark.parametrize("keep", [0, -1])
def test_keeping_nothing_is_refused(keep: int) -> None:
    with pytest.raises(ConfigError, match="1 or more"):
        score_exhaustively(gaussian(5, 2), keep, sigma=1.0)


@pytest.mark.parametrize(("n", "leave_out"), [(1, False), (2, True)])
def test_too_few_latents_are_refused(n: int, leave_out: bool) -> None:
    with pytest.raises(DataError):
        score_exhaustively(gaussian(n, 2), 1, sigma=1.0, leave_endpoints_out=leave_out)


def test_a_latent_that_is_not_finite_is_named() -> None:
    z = gaussian(9, 2)
    z[5, 1] = torch.nan
    with pytest.raises(DataError) as caught:
        score_exhaustively(z, 3, sigma=1.0)
    assert caught.value.what == "training latent 5"


def test_two_latents_have_nine_interpolants() -> None:
    assert len(score_exhaustively(torch.tensor([[0.0], [1.0]]), 20, sigma=1.0).scores.log_lds_M) == 9


def test_the_best_of_a_stream_are_the_best_of_all_of_it() -> None:
    scores, codes = gaussian(1, 5_000)[0], torch.randperm(5_000, generator=torch.Generator().manual_seed(0))
    best = BestCodes(37)
    for some, own in zip(scores.split(113), codes.split(113), strict=True):
        best.add(some, own)
    found, found_codes = best.ranked()
    expected = scores.double().sort(descending=True)
    assert torch.equal(found, expected.values[:37])
    assert torch.equal(found_codes, codes[expected.indices[:37]])
    assert best.threshold == found[-1]


def test_ties_in_a_stream_go_to_the_lower_code() -> None:
    best = BestCodes(3)
    best.add(torch.zeros(4), torch.tensor([9, 2, 7, 4]))
    best.add(torch.zeros(2), torch.tensor([1, 8]))
    assert best.ranked()[1].tolist() == [1, 2, 4]


@pytest.mark.parametrize("ranks", [1, 3])
def test_ranks_return_what_one_process_does(
    forks: Forks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ranks: int
) -> None:
    for process in forks.begin_together("tests.sweep_program", str(tmp_path / "found.pt"), size=ranks):
        _, errors = process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == 0, errors
    monkeypatch.setattr(tiles, "_LARGEST_SIDE", 16)
    alone = score_exhaustively(gaussian(90, 6, 3), 400, sigma=0.9, leave_endpoints_out=True)
    found = torch.load(tmp_path / "found.pt", weights_only=True)
    assert torch.equal(found["scores"], alone.scores.log_lds_M)
    assert torch.equal(found["parents"], alone.candidates.parents_M2)
    assert torch.equal(found["counts"], alone.census.counts_B)
