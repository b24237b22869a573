"""What the figures of an evaluation cost, beside the packages that people would use, and whether they agree.

    python -m benchmarks.metrics            # about fifteen minutes on two cores, 8 GiB
    python -m benchmarks.metrics --quick    # under a minute, at small sizes

Density and coverage against prdc, from features to figure; the Frechet distance, and of it the trace of the root alone,
against scipy's matrix root and torch-fidelity's eigenvalues; side by side in one run. And what a bootstrap costs.
Repeats are interleaved, and ratios are those of medians. Memory is the peak of a process of its own above what it held
before, features among that. The last line is one JSON object.
"""

import json
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import partial
from io import StringIO
from statistics import median
from typing import Any

import click
import numpy as np
import torch
from prdc import compute_prdc
from scipy.linalg import sqrtm
from torch import Tensor
from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_features_to_statistics, fid_statistics_to_metric

from benchmarks.memory import peak_extra_mib
from lds_mlflow.metrics import (
    density_and_coverage,
    frechet_distance,
    frechet_estimate,
    frechet_trace,
    intervals_of,
    neighbour_estimates,
)

__all__ = ["main"]

_K, _REPLICATES = 5, 1_000


@dataclass(frozen=True, slots=True)
class _Sizes:
    neighbours: int
    largest: int
    rows: int
    features: int
    bootstrapped: int
    bootstrapped_features: int
    repeats: int


_FULL = _Sizes(
    neighbours=20_000,
    largest=50_000,
    rows=4_096,
    features=2_048,
    bootstrapped=10_000,
    bootstrapped_features=512,
    repeats=3,
)
_QUICK = _Sizes(
    neighbours=2_000,
    largest=4_000,
    rows=512,
    features=256,
    bootstrapped=1_000,
    bootstrapped_features=64,
    repeats=3,
)


@click.command()
@click.option("--quick", is_flag=True, help="Small sizes.")
def main(quick: bool) -> None:
    """Measures the metrics beside their peers."""
    sizes = _QUICK if quick else _FULL
    click.echo(f"{torch.get_num_threads()} threads")
    figures = _bootstrap(sizes) | _frechet(sizes) | _neighbours(sizes)
    click.echo(json.dumps(figures))


def _features(n: int, f: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    scales = torch.logspace(0, -1.5, f)
    real = torch.randn(n, f, generator=generator) * scales
    return real, 0.9 * torch.randn(n, f, generator=generator) * scales + 0.02


def _timed(work: Callable[[], object]) -> tuple[float, object]:
    begin = time.perf_counter()
    result = work()
    return time.perf_counter() - begin, result


def _frechet(sizes: _Sizes) -> dict[str, float]:
    x, y = _features(sizes.rows, sizes.features)
    statistics = [fid_features_to_statistics(features.double()) for features in (x, y)]
    covariances = [torch.from_numpy(found["sigma"]) for found in statistics]
    seconds, found = _side_by_side(
        {
            "ours": lambda: frechet_trace(*covariances),
            "torch-fidelity": lambda: fid_statistics_to_metric(*statistics, verbose=False),
            "scipy sqrtm": lambda: sqrtm(statistics[0]["sigma"] @ statistics[1]["sigma"]).trace().real,
        },
        sizes.repeats,
        f"Trace of the root of two covariances, {sizes.features:,} x {sizes.features:,}",
    )
    whole, distances = _side_by_side(
        {
            "ours": lambda: frechet_distance(x, y),
            "torch-fidelity": lambda: _by_torch_fidelity(x, y),
            "scipy sqrtm": lambda: _by_root(x, y),
        },
        sizes.repeats,
        f"Frechet distance, {sizes.rows:,} x {sizes.features:,}, covariances among that",
    )
    few = sizes.features // 2
    short = x[:few].double()
    short = short - short.mean(0)
    exact = 4 * short.var(0).sum().item()
    errors = {
        name: abs(distance(short, 3 * short) / exact - 1)
        for name, distance in (
            ("ours", frechet_distance),
            ("torch-fidelity", _by_torch_fidelity),
            ("scipy sqrtm", _by_root),
        )
    }
    click.echo(f"  relative error with {few:,} rows alone: {errors}")
    return {
        "fid_over_sqrtm": round(seconds["scipy sqrtm"] / seconds["ours"], 2),
        "fid_over_torch_fidelity": round(seconds["torch-fidelity"] / seconds["ours"], 2),
        "fid_whole_over_sqrtm": round(whole["scipy sqrtm"] / whole["ours"], 2),
        "fid_whole_over_torch_fidelity": round(whole["torch-fidelity"] / whole["ours"], 2),
        "fid_difference_from_torch_fidelity": abs(distances["ours"] / distances["torch-fidelity"] - 1),
        "fid_trace_difference_from_sqrtm": abs(found["ours"] / found["scipy sqrtm"] - 1),
        "fid_error_with_few_rows": errors["ours"],
        "sqrtm_error_with_few_rows": errors["scipy sqrtm"],
    }


def _side_by_side(
    runs: dict[str, Callable[[], Any]], repeats: int, title: str
) -> tuple[dict[str, float], dict[str, Any]]:
    """Returns the median seconds and the result of each, their repeats interleaved."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    found: dict[str, Any] = {}
    for _ in range(repeats):
        for name, work in runs.items():
            spent, found[name] = _timed(work)
            seconds[name].append(spent)
    click.echo(f"\n{title}, seconds (median of {repeats})")
    for name, values in seconds.items():
        click.echo(f"  {name:16s} {median(values):10.3f}   {found[name]}")
    return {name: median(values) for name, values in seconds.items()}, found


def _bootstrap(sizes: _Sizes) -> dict[str, float]:
    """A thousandfold bootstrap of the Frechet distance, density and coverage, from features to intervals."""
    real, fake = _features(sizes.bootstrapped, sizes.bootstrapped_features)

    def intervals() -> dict[str, tuple[float, float]]:
        estimates = {"fid": frechet_estimate(real, fake)} | neighbour_estimates(real, fake, k=_K)
        return intervals_of(estimates, replicates=_REPLICATES, seed=0)

    size = f"{sizes.bootstrapped:,} x {sizes.bootstrapped_features:,}"
    seconds, _ = _side_by_side({"ours": intervals}, sizes.repeats, f"{_REPLICATES:,} replicates, {size}")
    return {"bootstrap_seconds": round(seconds["ours"], 2)}


def _by_torch_fidelity(x: Tensor, y: Tensor) -> float:
    statistics = (fid_features_to_statistics(features.double()) for features in (x, y))
    return float(fid_statistics_to_metric(*statistics, verbose=False)[KEY_METRIC_FID])


def _by_root(x: Tensor, y: Tensor) -> float:
    (mean_x, covariance_x), (mean_y, covariance_y) = (
        (some.mean(0), np.cov(some, rowvar=False)) for some in (x.double().numpy(), y.double().numpy())
    )
    root = sqrtm(covariance_x @ covariance_y).real
    return float(np.square(mean_x - mean_y).sum() + np.trace(covariance_x + covariance_y - 2 * root))


def _neighbours(sizes: _Sizes) -> dict[str, float | bool]:
    real, fake = _features(sizes.neighbours, sizes.features)
    size = f"{sizes.neighbours:,} x {sizes.features:,}"
    seconds, found = _side_by_side(
        {
            "ours": lambda: tuple(density_and_coverage(real, fake, k=_K)),
            "prdc": lambda: _by_prdc(real, fake),
        },
        2,
        f"Density and coverage, {size}",
    )
    ours, theirs = (peak_extra_mib(_prepared, work, sizes.neighbours, sizes.features)[0] for work in (_ours, _by_prdc))
    largest, _ = peak_extra_mib(_prepared, _ours, sizes.largest, sizes.features)
    click.echo(f"  peak above the features: ours {ours:,.0f} MiB, prdc {theirs:,.0f} MiB")
    click.echo(f"  ours at {sizes.largest:,} x {sizes.features:,}: {largest:,.0f} MiB above the features")
    return {
        "dc_speedup_over_prdc": round(seconds["prdc"] / seconds["ours"], 2),
        "dc_memory_ratio_over_prdc": round(ours / theirs, 4),
        "dc_identical_to_prdc": found["ours"] == found["prdc"],
        "dc_largest_peak_extra_mib": round(largest),
    }


def _ours(real: Tensor, fake: Tensor) -> object:
    return density_and_coverage(real, fake, k=_K)


def _by_prdc(real: Tensor, fake: Tensor) -> tuple[float, float]:
    with redirect_stdout(StringIO()):
        found = compute_prdc(real.numpy(), fake.numpy(), nearest_k=_K)
    # Counts, each by one division.
    n = len(real)
    return round(found["density"] * _K * n) / (_K * n), round(found["coverage"] * n) / n


def _prepared(work: Callable[[Tensor, Tensor], object], n: int, f: int) -> Callable[[], object]:
    real, fake = _features(n, f)
    work(real[:64], fake[:64])
    return partial(work, real, fake)


if __name__ == "__main__":
    main()
