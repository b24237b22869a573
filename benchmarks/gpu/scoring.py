"""Scoring on a device: whether the CPU agrees, and how near the exhaustive scorer comes to a matrix product.

    python -m benchmarks.gpu.scoring            # about a minute on a GPU
    python -m benchmarks.gpu.scoring --quick    # seconds

Latents are standard Gaussian with 512 dimensions, and the bandwidth is the draft's. The exhaustive scorer takes 9 N^3
floating-point operations. Its share is of the speed of the square matrix product in float32, on the side that the
device multiplies fastest, for a second before and after each measurement.
"""

from statistics import median

import click
import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from benchmarks.gpu.command import command
from benchmarks.product import Product, seconds_of
from lds_mlflow.latent import draw_candidates, score_candidates, score_exhaustively

__all__ = ["measure"]

_DIMENSIONS, _KEPT, _COMPARED = 512, 10_000, 1000
_SHOWN, _WIDTH = 10, 90


def measure(device: str, quick: bool) -> dict[str, float]:
    """Measures scoring on a device, and prints what it finds.

    Args:
        device: "cpu" or a GPU.
        quick: Whether a thousand latents will do.

    Returns:
        Figures by name: differences from the CPU, seconds, and shares of the matrix product's speed.
    """
    found = _differences(device)
    product = Product.of_side(1024, device) if quick else Product.fastest(device)
    # The first call also loads libraries and asks for memory.
    _sweep(*_latents(2_000 if device != "cpu" else 200, device))
    for n, repeats in ((1_000, 1),) if quick else ((20_000, 3), (50_000, 1)):
        found |= _speed(n, repeats, product, device, seconds=0.1 if quick else 1.0)
    _show_longest(1_000 if quick else 20_000, device)
    return found


def _latents(n: int, device: str) -> tuple[Tensor, float]:
    z_ND = torch.randn(n, _DIMENSIONS, generator=torch.Generator().manual_seed(0))
    return z_ND.to(device), float(z_ND.norm(dim=1).mean()) / 5


def _sweep(z_ND: Tensor, sigma: float) -> Tensor:
    return score_exhaustively(z_ND, _KEPT, sigma=sigma, leave_endpoints_out=True).scores.log_lds_M


def _differences(device: str) -> dict[str, float]:
    (z_ND, sigma), (there_ND, _) = _latents(_COMPARED, "cpu"), _latents(_COMPARED, device)
    listed, listed_there = (
        score_candidates(
            draw_candidates(z, 2 * _COMPARED, generator=torch.Generator().manual_seed(0)),
            z,
            sigma=sigma,
            leave_endpoints_out=True,
        ).log_lds_M
        for z in (z_ND, there_ND)
    )
    found = {
        "candidates_largest_difference": (listed - listed_there.cpu()).abs().max().item(),
        "exhaustive_largest_difference": (_sweep(z_ND, sigma) - _sweep(there_ND, sigma).cpu()).abs().max().item(),
    }
    click.echo(f"Log LDS on {device} beside the CPU, with {_COMPARED:,} latents of {_DIMENSIONS} dimensions:")
    click.echo(f"  {2 * _COMPARED:,} candidates differ by {found['candidates_largest_difference']:.2g} at most")
    click.echo(f"  the best of all interpolants differ by {found['exhaustive_largest_difference']:.2g} at most")
    return found


def _speed(n: int, repeats: int, product: Product, device: str, *, seconds: float) -> dict[str, float]:
    z_ND, sigma = _latents(n, device)
    speeds, times = [product.gflops(seconds)], []
    for _ in range(repeats):
        times.append(seconds_of(lambda: _sweep(z_ND, sigma)))
        speeds.append(product.gflops(seconds))
    taken, peak = median(times), median(speeds)
    share = 9 * n**3 / taken / 1e9 / peak
    click.echo(f"All interpolants of {n:,} latents: {taken:.2f} s, of {', '.join(f'{time:.2f}' for time in times)}")
    click.echo(f"  {share:.1%} of the matrix product's {peak / 1000:.2f} TFLOP/s (side {product.side:,}, float32)")
    return {
        f"exhaustive_{n}_seconds": taken,
        f"exhaustive_{n}_share_of_product": share,
        f"product_tflops_at_{n}": peak / 1000,
    }


def _show_longest(n: int, device: str) -> None:
    """Prints which kernels (on a CPU: operations) take the time of a sweep."""
    z_ND, sigma = _latents(n, device)
    on_gpu = device != "cpu"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_gpu else [])]
    with profile(activities=activities) as profiled:
        taken = seconds_of(lambda: _sweep(z_ND, sigma))
    times = {
        event.key: (event.self_device_time_total if on_gpu else event.self_cpu_time_total, event.count)
        for event in profiled.key_averages()
        if event.device_type.name == ("CUDA" if on_gpu else "CPU")
    }
    busy = sum(microseconds for microseconds, _ in times.values()) / 1e6
    click.echo(f"Where the time goes with {n:,} latents: {device} is busy for {busy:.2f} of {taken:.2f} s (profiled)")
    for name, (microseconds, count) in sorted(times.items(), key=lambda item: -item[1][0])[:_SHOWN]:
        click.echo(f"  {microseconds / 1e6:8.3f} s  {count:6,} times  {name[:_WIDTH]}")


if __name__ == "__main__":
    command(measure, "Measures scoring.")()
