"""What scoring costs, beside what people would use instead, and how exact it is.

    pip install -e '.[bench]'
    python -m benchmarks.density            # about 25 minutes on two cores; --million adds 10
    python -m benchmarks.density --quick    # under a minute, at small sizes

What a GPU takes for the exhaustive scorer alone is in benchmarks/gpu/scoring.py.

Everything runs side by side in one process, on standard Gaussian latents with the draft's bandwidth. Peers are timed on
as many candidates as take about a second, and compared by the time per candidate and training latent. Repeats are
interleaved, each follows an untimed call (so that code is compiled and memory is at hand), and ratios are those of
medians. The machine's matrix product is one of the peers: the square one of the fastest side, for a second each time,
since what a processor does in a burst it doesn't keep up. Errors are those of log LDS against a float64 logsumexp over
explicit differences. Memory is the peak of a process of its own above what it held before. The last line is one JSON
object.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from statistics import median

import click
import numpy as np
import torch
from scipy.stats import gaussian_kde
from sklearn.neighbors import KernelDensity
from torch import Tensor

from benchmarks.memory import peak_extra_mib
from benchmarks.product import Product, seconds_of
from lds_mlflow.latent import ExhaustiveScores, score_directly, score_exhaustively, score_factored
from lds_mlflow.latent.geometry import blocks
from lds_mlflow.values import Candidates

__all__ = ["main"]

_REPEATS = 3
_CHECKED = 500
_MIB = 2**20


@dataclass(frozen=True, slots=True)
class _Sizes:
    n: int
    dims: tuple[int, ...]
    candidates: int
    direct: int
    pool: int
    exhaustive: tuple[int, ...]


_FULL = _Sizes(n=20_000, dims=(64, 512), candidates=1_000_000, direct=16_384, pool=500, exhaustive=(8_000, 20_000))
_QUICK = _Sizes(n=4_000, dims=(64, 512), candidates=200_000, direct=4_096, pool=225, exhaustive=(2_000,))


@click.command()
@click.option("--quick", is_flag=True, help="Small sizes.")
@click.option(
    "--million", is_flag=True, help="Also a million candidates against a million latents, from 20,000 anchors."
)
def main(quick: bool, million: bool) -> None:
    """Measures the scorers beside their peers."""
    sizes = _QUICK if quick else _FULL
    device = "cuda" if torch.cuda.is_available() else "cpu"
    product = Product.fastest(device)
    _say(f"{torch.get_num_threads()} threads, {device}; matrix products are of side {product.side:,}")
    results = {dim: _points_and_pairs(sizes, dim, product, device) for dim in sizes.dims}
    sweeps = [_exhaustive(n, max(sizes.dims), product, device) for n in sizes.exhaustive]
    peak_mib = _peak_extra_mib(_exhaust, sizes.exhaustive[-1], max(sizes.dims))
    widest = results[max(sizes.dims)]
    figures = {
        "exhaustive_share_of_matmul_peak": sweeps[-1]["share"],
        "pairs_over_direct": widest["direct"] / widest["pairs"],
        "pairs_over_gemm": widest["gemm"] / widest["pairs"],
        "pairs_over_sklearn": widest["sklearn"] / widest["pairs"],
        "pool_over_sklearn": widest["sklearn"] / widest["pool"],
        "direct_over_cdist": widest["cdist"] / widest["direct"],
        **{f"direct_share_of_matmul_peak_d{dim}": found["direct_share"] for dim, found in results.items()},
        "max_abs_error_log_lds": max(found["error"] for found in (*results.values(), *sweeps)),
        "max_abs_error_pairs": max(found["pairs_error"] for found in results.values()),
        "peak_extra_mib": peak_mib,
    }
    if million:
        figures["million_peak_extra_mib"] = _peak_extra_mib(_million, 1_000_000, max(sizes.dims))
    click.echo(json.dumps({name: float(f"{value:.4g}") for name, value in figures.items()}))


def _say(text: str) -> None:
    click.echo(text)


def _latents(n: int, dim: int, device: str) -> tuple[Tensor, float]:
    z_ND = torch.randn(n, dim, generator=torch.Generator().manual_seed(0))
    return z_ND.to(device), float(z_ND.norm(dim=1).mean()) / 5


def _pairs(z_ND: Tensor, n_candidates: int, pool: int) -> Candidates:
    """Returns candidates without their latents: all nine alphas of random pairs of the first `pool` latents."""
    generator = torch.Generator().manual_seed(1)
    n_pairs = -(-n_candidates // 9)
    first = torch.randint(pool, (n_pairs,), generator=generator)
    second = (first + torch.randint(1, pool, (n_pairs,), generator=generator)) % pool
    parents = torch.stack([first, second], 1).repeat_interleave(9, 0)[:n_candidates]
    alpha = (torch.arange(1, 10) / 10).repeat(n_pairs)[:n_candidates]
    return Candidates(z_MD=z_ND.new_empty(n_candidates, 0), parents_M2=parents, alpha_M=alpha)


def _with_latents(candidates: Candidates, z_ND: Tensor, rows: Tensor) -> Candidates:
    some = candidates.take(rows)
    first, second = z_ND[some.parents_M2[:, 0]], z_ND[some.parents_M2[:, 1]]
    z_MD = torch.lerp(first, second, some.alpha_M.to(z_ND)[:, None])
    return Candidates(z_MD, some.parents_M2, some.alpha_M)


def _oracle(candidates: Candidates, z_ND: Tensor, sigma: float, *, leave_endpoints_out: bool) -> Tensor:
    z = z_ND.double().cpu()
    scores = []
    for (i, j), alpha in zip(candidates.parents_M2.tolist(), candidates.alpha_M.tolist(), strict=True):
        tenth = round(10 * alpha)
        exponents = ((z[i] * (10 - tenth) + z[j] * tenth) / 10 - z).square().sum(1) / (-2 * sigma**2)
        if leave_endpoints_out:
            exponents[[i, j]] = -torch.inf
        scores.append(exponents.logsumexp(0) - np.log(len(z) - (2 if leave_endpoints_out else 0)))
    return torch.stack(scores)


def _points_and_pairs(sizes: _Sizes, dim: int, product: Product, device: str) -> dict[str, float]:
    z_ND, sigma = _latents(sizes.n, dim, device)
    listed, pooled = (_pairs(z_ND, sizes.candidates, pool) for pool in (sizes.n, sizes.pool))
    some = torch.randperm(sizes.candidates, generator=torch.Generator().manual_seed(2))
    points = _with_latents(listed, z_ND, some[: sizes.direct])
    runs: dict[str, tuple[Callable[[], object], int]] = {
        "pairs": (lambda: score_factored(listed, z_ND, sigma=sigma, leave_endpoints_out=True), sizes.candidates),
        "pool": (lambda: score_factored(pooled, z_ND, sigma=sigma, leave_endpoints_out=True), sizes.candidates),
        "direct": (lambda: score_directly(points, z_ND, sigma=sigma), sizes.direct),
        **_peers(points.z_MD, z_ND, sigma),
    }
    times: dict[str, list[float]] = {name: [] for name in runs}
    speeds = []
    for _ in range(_REPEATS):
        speeds.append(product.gflops())
        for name, (work, n_points) in runs.items():
            work()
            times[name].append(seconds_of(work) / n_points / sizes.n * 1e9)
    per_pair = {name: median(values) for name, values in times.items()}
    errors = _errors(listed, z_ND, sigma, some[:_CHECKED])
    share = 2 * dim / per_pair["direct"] / median(speeds)
    _say(f"\nN = {sizes.n:,}, D = {dim}: ns per candidate and training latent (median of {_REPEATS})")
    for name, value in per_pair.items():
        _say(f"  {name:24s} {value:12.4f}   {value / per_pair['direct']:12.4g} of direct")
    _say(f"  direct runs at {share:.1%} of the matrix product's {median(speeds):.0f} GFLOP/s; errors: {errors}")
    trees = [value for name, value in per_pair.items() if name.startswith("sklearn")]
    return {
        **{name: per_pair[name] for name in ("pairs", "pool", "direct")},
        "cdist": per_pair["torch.cdist + logsumexp"],
        "gemm": per_pair["GEMM + logsumexp"],
        "sklearn": min(trees),
        "direct_share": share,
        "error": max(errors.values()),
        "pairs_error": max(error for name, error in errors.items() if name.startswith("pairs")),
    }


def _errors(listed: Candidates, z_ND: Tensor, sigma: float, rows: Tensor) -> dict[str, float]:
    points = _with_latents(listed, z_ND, rows)
    errors = {}
    for leave_out in (False, True):
        exact = _oracle(points, z_ND, sigma, leave_endpoints_out=leave_out)
        ends = "endpoints left out" if leave_out else "endpoints in"
        for name, score in (("pairs", score_factored), ("direct", score_directly)):
            found = score(points, z_ND, sigma=sigma, leave_endpoints_out=leave_out).log_lds_M
            errors[f"{name}, {ends}"] = float(f"{(found - exact).abs().max().item():.2e}")
    return errors


def _peers(z_MD: Tensor, z_ND: Tensor, sigma: float) -> dict[str, tuple[Callable[[], object], int]]:
    points, training = z_MD.cpu().numpy(), z_ND.cpu().numpy()
    trees = {
        tree: KernelDensity(bandwidth=sigma, kernel="gaussian", algorithm=tree).fit(training)
        for tree in ("ball_tree", "kd_tree")
    }
    kde = gaussian_kde(training.T, bw_method=sigma)
    peers: dict[str, tuple[Callable[[], object], int]] = {
        "torch.cdist + logsumexp": (lambda: _by_cdist(z_MD[:1024], z_ND, sigma), min(1024, len(z_MD))),
        "GEMM + logsumexp": (lambda: _by_product(z_MD[:2048], z_ND, sigma), min(2048, len(z_MD))),
        **{f"sklearn {name}": (partial(tree.score_samples, points[:32]), 32) for name, tree in trees.items()},
        "scipy gaussian_kde": (lambda: kde.logpdf(points[:64].T), 64),
    }
    keops = _keops(z_MD[:1024], z_ND, sigma)
    return peers | ({"KeOps": (keops, min(1024, len(z_MD)))} if keops else {})


def _by_cdist(z_MD: Tensor, z_ND: Tensor, sigma: float) -> Tensor:
    return (torch.cdist(z_MD, z_ND).square() / (-2 * sigma**2)).logsumexp(1)


def _by_product(z_MD: Tensor, z_ND: Tensor, sigma: float) -> Tensor:
    square = z_ND.square().sum(1)
    tiles = []
    for rows in blocks(len(z_MD), 128):
        points = z_MD[rows]
        squared = torch.addmm(square, points, z_ND.T, alpha=-2).add_(points.square().sum(1)[:, None])
        tiles.append(squared.mul_(-0.5 / sigma**2).logsumexp(1))
    return torch.cat(tiles)


def _keops(z_MD: Tensor, z_ND: Tensor, sigma: float) -> Callable[[], object] | None:
    try:
        keops = import_module("pykeops.torch")
    except ImportError:
        _say("KeOps is not there")
        return None
    x, y = keops.LazyTensor(z_MD[:, None, :].contiguous()), keops.LazyTensor(z_ND[None, :, :])
    return lambda: (((x - y) ** 2).sum(-1) * (-0.5 / sigma**2)).logsumexp(1)


def _exhaustive(n: int, dim: int, product: Product, device: str) -> dict[str, float]:
    z_ND, sigma = _latents(n, dim, device)
    found: list[ExhaustiveScores] = []
    times, speeds = [], [product.gflops()]
    for _ in range(1 if n > 10_000 else _REPEATS):
        times.append(
            seconds_of(lambda: found.append(score_exhaustively(z_ND, 10_000, sigma=sigma, leave_endpoints_out=True)))
        )
        speeds.append(product.gflops())
    share = 9 * n**3 / median(times) / 1e9 / median(speeds)
    result = found[-1]
    rows = torch.linspace(0, len(result.candidates.alpha_M) - 1, _CHECKED).long()
    exact = _oracle(result.candidates.take(rows), z_ND, sigma, leave_endpoints_out=True)
    error = (result.scores.log_lds_M[rows] - exact).abs().max().item()
    _say(
        f"\nexhaustive, N = {n:,}, D = {dim}: {result.census.n:,} candidates in {median(times):.1f} s, "
        f"{median(times) / result.census.n / n * 1e9:.4f} ns per candidate and training latent, {share:.1%} of the "
        f"matrix product's {median(speeds):,.0f} GFLOP/s counted in 4.5 N^3 multiply-adds; largest error {error:.1e}"
    )
    return {"share": share, "error": error}


def _exhaust(n: int, dim: int) -> Callable[[], object]:
    z_ND, sigma = _latents(n, dim, "cpu")
    score_exhaustively(z_ND[:64], 8, sigma=sigma)
    return lambda: score_exhaustively(z_ND, 10_000, sigma=sigma, leave_endpoints_out=True)


def _million(n: int, dim: int) -> Callable[[], object]:
    z_ND, sigma = _latents(n, dim, "cpu")
    candidates = _pairs(z_ND, n, 20_000)
    score_factored(_pairs(z_ND, 64, 64), z_ND[:64], sigma=sigma)
    return lambda: score_factored(candidates, z_ND, sigma=sigma, leave_endpoints_out=True)


def _peak_extra_mib(prepare: Callable[[int, int], Callable[[], object]], n: int, dim: int) -> float:
    extra, seconds = peak_extra_mib(prepare, n, dim)
    _say(f"\n{prepare.__name__.strip('_')}, N = {n:,}, D = {dim}: {seconds:.1f} s, {extra:,.0f} MiB above the data")
    return extra


if __name__ == "__main__":
    main()
