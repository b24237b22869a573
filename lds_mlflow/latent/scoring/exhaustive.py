r"""Every linear interpolant there is on the grid of tenths: all pairs, all nine alphas, each against all latents.

With U and the shifts s of factored.py, all scores at one alpha are one matrix product,

    N LDS_ij(a) = exp(a(1-a) U_ij - (1-a) s_i - a s_j) sum_k F(1-a)_ik F(a)_jk,   F(p)_ik = exp(p (s_i - U_ik)),

taken in square tiles of pairs. (i, j, a) is (j, i, 1-a), so a pair of rows is met once: a tile off the diagonal takes
nine products, one on it five. Only the best are kept, by a threshold that rises as better ones are found, so memory is
bounded by the tiles and the kept set. The histogram counts all of them.

Of several processes each takes its share of the tiles, in turn, and the result is what one process would have (but for
how many scores had to be computed again).
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, inf, log

import torch
from torch import Tensor

from lds_mlflow.errors import ConfigError
from lds_mlflow.latent.checks import require_finite
from lds_mlflow.latent.geometry import TENTHS, Geometry, blocks
from lds_mlflow.latent.scoring.anchors import RELATIVE_LOSS
from lds_mlflow.latent.scoring.best import BestCodes
from lds_mlflow.latent.scoring.density import log_density, require_terms
from lds_mlflow.latent.scoring.factored import exact_interpolants, pair_log_sums
from lds_mlflow.latent.scoring.tiles import Tile
from lds_mlflow.machine.arrays import taking_arrays
from lds_mlflow.machine.ranks import ALONE, Ranks
from lds_mlflow.values import Candidates, Scores

__all__ = ["Census", "ExhaustiveScores", "score_exhaustively"]

_PROBED_PAIRS, _TOO_MANY_LOST = 1024, 0.01
_ROWS, _RESCORED_AT_ONCE = {"cpu": 256, "cuda": 4096}, 2**16
"""Rows of a tile that are scored at once: few stay in a CPU's caches, many keep a GPU from waiting. Counts of as many
scores are exact in float32."""

_LOWEST, _HIGHEST, _BINS = -1000.0, 1.0, 4004
_NEVER = -3e38
_MOST_RESCORED = 10_000_000


@dataclass(frozen=True, slots=True)
class Census:
    """How all interpolants score, kept or not.

    Attributes:
        n: How many there are.
        counts_B: How many scored in each bin of log LDS, int64 [B].
        edges_B1: The bins' edges, rising, float64 [B + 1]; the first bin holds all that lies below as well.
        rescored: How many left the range of the type that the products were taken in, and were computed again.
        out_of_range: How many left it and were shown by a bound to lie below the best; they are in the first bin.
    """

    n: int
    counts_B: Tensor
    edges_B1: Tensor
    rescored: int
    out_of_range: int


@dataclass(frozen=True, slots=True)
class ExhaustiveScores:
    """The densest of all interpolants, the densest first, with how all of them score."""

    candidates: Candidates
    scores: Scores
    census: Census


@taking_arrays
def score_exhaustively(
    z_ND: Tensor,
    keep: int,
    *,
    sigma: float,
    leave_endpoints_out: bool = False,
    ranks: Ranks = ALONE,
    progress: Callable[[float], None] = lambda share: None,
) -> ExhaustiveScores:
    """Scores all 9 N(N-1)/2 linear interpolants on the grid of tenths, and keeps the densest.

    Takes 9 N^3 floating-point operations, whatever D. Ties go to the lower i, then j, then alpha.

    Args:
        z_ND: Training latents, float [N, D].
        keep: How many to keep at most.
        sigma: Bandwidth, in latent units.
        leave_endpoints_out: Whether each candidate's two parents are left out of its sum.
        ranks: The processes that share the work; this one leads.
        progress: Is told the share of the work that was just done.

    Raises:
        ConfigError: Nothing is to be kept, or the bandwidth is so small that hardly a score is within range.
        DataError: A latent is not finite, or there are too few.
    """
    if keep < 1:
        raise ConfigError("keep", found=str(keep), expected="1 or more", remedy="Say how many candidates you want.")
    require_terms(z_ND, 2 if leave_endpoints_out else 1)
    require_finite(z_ND, "training latent")
    if ranks.size > 1:
        ranks.order(_follow, z_ND.cpu(), keep, sigma, leave_endpoints_out)
    sweep = _Sweep(z_ND, keep, sigma, leave_endpoints_out)
    sweep.visit_share(ranks, progress)
    _, *others = ranks.gathered(None)
    for findings in others:
        sweep.absorb(*findings)
    return sweep.result()


def _follow(ranks: Ranks, z_ND: Tensor, keep: int, sigma: float, leave_endpoints_out: bool) -> None:
    """Takes this process's share of a sweep that another leads."""
    sweep = _Sweep(z_ND.to(ranks.device), keep, sigma, leave_endpoints_out)
    sweep.visit_share(ranks, lambda share: None)
    ranks.gathered(sweep.findings())


class _Sweep:
    """A pass over tiles of pairs: what is needed for it, and what it has found."""

    def __init__(self, z_ND: Tensor, keep: int, sigma: float, leave_endpoints_out: bool) -> None:
        self.z_ND, self.sigma, self.leave_endpoints_out = z_ND, sigma, leave_endpoints_out
        self.n_terms = len(z_ND) - (2 if leave_endpoints_out else 0)
        self.geometry, threshold = self._probe(keep)
        self.best = BestCodes(keep, max(threshold, _NEVER), z_ND.device)
        self.counts_B = torch.zeros(_BINS, dtype=torch.int64, device=z_ND.device)
        self.n_met = self.rescored = self.out_of_range = 0

    def visit_share(self, ranks: Ranks, progress: Callable[[float], None]) -> None:
        tiles = Tile.cover(len(self.z_ND), self.geometry.dtype)[ranks.rank :: ranks.size]
        for rows, columns in tiles:
            self.visit(Tile(rows, columns, self.z_ND, self.geometry), lambda share: progress(share / len(tiles)))

    def _probe(self, keep: int) -> tuple[Geometry, float]:
        # A sample of pairs tells whether float32 will do, and a score that the kept ones reach at least.
        n = len(self.z_ND)
        generator = torch.Generator().manual_seed(0)
        wanted = max(_PROBED_PAIRS, ceil(keep / (TENTHS - 1)))
        keys = torch.randint(n, (2 * wanted, 2), generator=generator).sort(1).values
        pairs_P2 = torch.unique(keys[keys[:, 0] < keys[:, 1]], dim=0).to(self.z_ND.device)
        geometry = Geometry.of(self.z_ND, self.sigma)
        while True:
            log_sums, losses = pair_log_sums(pairs_P2, self.z_ND, geometry, self.leave_endpoints_out)
            held = losses - log_sums < log(RELATIVE_LOSS)
            if geometry.dtype == torch.float64 or (~held).double().mean() <= _TOO_MANY_LOST:
                break
            geometry = geometry.in_float64()
        self._require_range(1 - held.double().mean().item())
        scores = log_sums[held] - log(self.n_terms)
        # Rounding may put the same score a little lower when it is met again.
        return geometry, scores.topk(keep).values[-1].item() - 1e-3 if len(scores) >= keep else -inf

    def _require_range(self, lost: float) -> None:
        again = lost * 4.5 * len(self.z_ND) ** 2
        if again > _MOST_RESCORED:
            raise ConfigError(
                "sigma",
                found=f"{self.sigma:g}, with which {lost:.0%} of the scores leave the range of float64",
                expected=f"a bandwidth that leaves it for at most {_MOST_RESCORED:,} of the interpolants",
                remedy="Give a larger one, or score sampled candidates.",
            )

    def visit(self, tile: Tile, progress: Callable[[float], None]) -> None:
        """Scores the pairs of a tile at every alpha, and keeps the best of them."""
        for t, sum_IJ in zip(tile.tenths, tile.power_sums(progress), strict=True):
            for rows in blocks(len(sum_IJ), _ROWS[sum_IJ.device.type]):
                log_sums, losses = tile.log_sums(sum_IJ[rows], t, rows, leave_endpoints_out=self.leave_endpoints_out)
                log_n = log(self.n_terms)
                self._keep(tile, t, rows, log_sums.sub_(log_n), losses.sub_(log_n))
        self.n_met += tile.n_interpolants

    def _keep(self, tile: Tile, t: int, rows: slice, scores_RJ: Tensor, losses_RJ: Tensor) -> None:
        lost_RJ = (losses_RJ - scores_RJ < log(RELATIVE_LOSS)).logical_not_()
        surplus = tile.surplus(t, rows)
        if surplus is not None:
            lost_RJ.masked_fill_(surplus, False)
            scores_RJ.masked_fill_(surplus, -inf)
        self.counts_B += _counts(scores_RJ)
        # This line waits for a GPU. Whatever follows is about few scores.
        at = (lost_RJ | (scores_RJ >= self.best.threshold)).nonzero().unbind(1)
        if not len(at[0]):
            return
        scores_n, codes_n = scores_RJ[at], self._codes(tile, t, rows, *at)
        lost = lost_RJ[at].nonzero().flatten()
        if len(lost):
            scores_n, codes_n = self._rescue(scores_n, codes_n, losses_RJ[at], lost)
        self.best.add(scores_n, codes_n)

    def _rescue(self, scores_n: Tensor, codes_n: Tensor, losses_n: Tensor, lost: Tensor) -> tuple[Tensor, Tensor]:
        """Returns scores and codes that may be among the best, after what underflow has spoilt is computed again."""
        self.counts_B -= _counts(scores_n[lost])
        # What underflow has taken can be bounded: only what may be among the best is worth computing again.
        hopeless = torch.logaddexp(scores_n[lost], losses_n[lost]) < self.best.threshold
        again = lost[~hopeless]
        scores_n[lost] = -inf
        for some in again.split(_RESCORED_AT_ONCE) if len(again) else ():
            scores_n[some] = self._again(codes_n[some]).to(scores_n)
            self.counts_B += _counts(scores_n[some])
        self.rescored += len(again)
        self.out_of_range += len(lost) - len(again)
        found = scores_n >= self.best.threshold
        return scores_n[found], codes_n[found]

    def _again(self, codes_n: Tensor) -> Tensor:
        parents, tenth = self._decode(codes_n)
        left_out = parents if self.leave_endpoints_out else None
        exact = exact_interpolants(self.z_ND, parents, tenth)
        return log_density(exact, self.z_ND.double(), sigma=self.sigma, left_out_MK=left_out)

    def _codes(self, tile: Tile, t: int, rows: slice, row_n: Tensor, column_n: Tensor) -> Tensor:
        i, j = row_n + (tile.rows.start + rows.start), column_n + tile.columns.start
        codes: Tensor = (i * len(self.z_ND) + j) * TENTHS + t
        return codes

    def _decode(self, codes_n: Tensor) -> tuple[Tensor, Tensor]:
        pairs = codes_n // TENTHS
        return torch.stack([pairs // len(self.z_ND), pairs % len(self.z_ND)], dim=1), codes_n % TENTHS

    def _candidates(self, codes_n: Tensor) -> Candidates:
        parents, tenth = self._decode(codes_n)
        alpha = tenth / TENTHS
        first, second = (self.z_ND[some] for some in parents.T)
        return Candidates(torch.lerp(first, second, alpha.to(first)[:, None]), parents, alpha)

    def findings(self) -> tuple[Tensor, Tensor, Tensor, int, int]:
        """Returns what was found, on the CPU: scores and codes of the best, the counts of bins, rescored, out of range.

        What lies in no bin is counted in the first.
        """
        scores, codes = self.best.ranked()
        counts_B = self.counts_B.cpu()
        first = torch.tensor([self.n_met]) - counts_B[1:].sum()
        return scores.cpu(), codes.cpu(), torch.cat([first, counts_B[1:]]), self.rescored, self.out_of_range

    def absorb(self, scores: Tensor, codes: Tensor, counts_B: Tensor, rescored: int, out_of_range: int) -> None:
        """Adds what another sweep over other tiles found."""
        self.best.add(scores, codes)
        self.counts_B += counts_B.to(self.counts_B.device)
        self.n_met += int(counts_B.sum())
        self.rescored += rescored
        self.out_of_range += out_of_range

    def result(self) -> ExhaustiveScores:
        """Returns what was found."""
        scores, codes, counts_B, rescored, out_of_range = self.findings()
        return ExhaustiveScores(
            candidates=self._candidates(codes),
            scores=Scores(scores, self.sigma, self.leave_endpoints_out, rescored=rescored),
            census=Census(
                n=self.n_met,
                counts_B=counts_B,
                edges_B1=torch.linspace(_LOWEST, _HIGHEST, _BINS + 1, dtype=torch.float64),
                rescored=rescored,
                out_of_range=out_of_range,
            ),
        )


def _counts(scores: Tensor) -> Tensor:
    """Returns how many scores lie in each bin, int64 [B]; NaN and what lies below lie in none."""
    return torch.histc(scores, bins=_BINS, min=_LOWEST, max=_HIGHEST).long()
