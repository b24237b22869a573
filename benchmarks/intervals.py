"""How often 95 % intervals hold the truth, by simulation: of single figures, of differences of two models, over seeds.

    python -m benchmarks.intervals            # about five minutes on two cores
    python -m benchmarks.intervals --quick    # under a minute, fewer draws

Real images are Gaussian with falling scales; two models draw from the same seeds, one moved and less spread, the other
less spread with noise of its own. Over training seeds, each seed also moves either model by luck of its own. The true
figure is the mean over all draws of as many images. The last line is one JSON object.
"""

import json

import click
import torch
from torch import Tensor
from tqdm import tqdm

from lds_mlflow.metrics import (
    Comparison,
    Estimate,
    compare_evaluations,
    compare_over_seeds,
    frechet_estimate,
    intervals_of,
    kernel_distance,
    neighbour_estimates,
)
from lds_mlflow.values import Evaluation

__all__ = ["main"]

_CASES = ((150, 6), (360, 16), (360, 64))
_NAMES = ("fid", "kid", "precision", "recall", "density", "coverage")
_REPLICATES = 1000
_N_OVER_SEEDS, _F_OVER_SEEDS = 200, 16
_SEEDS_AND_LUCK = ((3, 0.05), (5, 0.05), (3, 0.3), (5, 0.3))

Drawn = list[tuple[dict[str, Estimate], dict[str, Estimate]]]


@click.command()
@click.option("--quick", is_flag=True, help="Fewer draws.")
def main(quick: bool) -> None:
    """Counts how often intervals hold the truth."""
    draws = 60 if quick else 400
    found: dict[str, float] = {}
    for n, f in _CASES:
        drawn = _draw(n, f, draws)
        click.echo(f"\n{n} images, {f} features, {draws} draws: share of intervals that hold the truth")
        for name in _NAMES:
            single, paired = _held(drawn, name), _held_paired(drawn, name, n)
            click.echo(f"  {name:10s} single {single:.3f}   difference {paired:.3f}")
            found |= {f"{name}_{n}x{f}": round(single, 4), f"{name}_difference_{n}x{f}": round(paired, 4)}
    for n_seeds, luck in _SEEDS_AND_LUCK:
        held = _held_over_seeds(n_seeds, luck, draws)
        click.echo(
            f"\n{n_seeds} seeds of luck {luck}, {draws} draws: share of intervals of the difference that hold it"
        )
        for name, share in held.items():
            click.echo(f"  {name:10s} {share:.3f}")
            found[f"{name}_over_{n_seeds}_seeds_luck_{luck}"] = round(share, 4)
    click.echo(json.dumps(found))


def _draw(n: int, f: int, draws: int) -> Drawn:
    generator = torch.Generator().manual_seed(1)
    scales = torch.logspace(0, -1, f)
    drawn: Drawn = []
    for _ in tqdm(range(draws), desc=f"{n} x {f}", leave=False):
        real, seeds, noise = torch.randn(3, n, f, generator=generator)
        models = (0.8 * seeds * scales + 0.1, (0.8 * seeds + 0.3 * noise) * scales)
        one, other = (_estimates(real * scales, samples) for samples in models)
        drawn.append((one, other))
    return drawn


def _estimates(real: Tensor, samples: Tensor) -> dict[str, Estimate]:
    return {
        "fid": frechet_estimate(real, samples),
        "kid": kernel_distance(real, samples),
        **neighbour_estimates(real, samples),
    }


def _held(drawn: Drawn, name: str) -> float:
    truth = sum(one[name].value for one, _ in drawn) / len(drawn)
    intervals = [intervals_of({name: one[name]}, replicates=_REPLICATES, seed=0)[name] for one, _ in drawn]
    return sum(low <= truth <= high for low, high in intervals) / len(drawn)


def _held_paired(drawn: Drawn, name: str, n: int) -> float:
    truth = sum(other[name].value - one[name].value for one, other in drawn) / len(drawn)
    held = 0
    for one, other in drawn:
        evaluations = {label: _evaluation({name: found[name]}, n) for label, found in (("one", one), ("other", other))}
        (compared,) = compare_evaluations(evaluations, replicates=_REPLICATES)
        held += compared.low <= truth <= compared.high
    return held / len(drawn)


def _held_over_seeds(n_seeds: int, luck: float, draws: int) -> dict[str, float]:
    generator = torch.Generator().manual_seed(2)
    compared = [
        _difference_over_seeds(n_seeds, luck, generator)
        for _ in tqdm(range(draws), desc=f"{n_seeds} seeds", leave=False)
    ]
    truth = {name: sum(row[name].difference for row in compared) / draws for name in compared[0]}
    return {
        name: sum(row[name].low <= value <= row[name].high for row in compared) / draws for name, value in truth.items()
    }


def _difference_over_seeds(n_seeds: int, luck: float, generator: torch.Generator) -> dict[str, Comparison]:
    scales = torch.logspace(0, -1, _F_OVER_SEEDS)
    real = torch.randn(_N_OVER_SEEDS, _F_OVER_SEEDS, generator=generator) * scales
    arms: dict[str, list[Evaluation]] = {"one": [], "other": []}
    for _ in range(n_seeds):
        seeds, noise = torch.randn(2, _N_OVER_SEEDS, _F_OVER_SEEDS, generator=generator)
        moved = luck * torch.randn(2, _F_OVER_SEEDS, generator=generator)
        samples = (0.8 * seeds * scales + 0.1 + moved[0], (0.8 * seeds + 0.3 * noise) * scales + moved[1])
        for arm, drawn in zip(arms, samples, strict=True):
            arms[arm].append(_evaluation(_estimates(real, drawn), _N_OVER_SEEDS))
    return {row.name: row for row in compare_over_seeds(arms, "one", names=_NAMES)}


def _evaluation(estimates: dict[str, Estimate], n: int) -> Evaluation:
    return Evaluation(
        extractor="",
        resize="",
        part="",
        held_out_digest="",
        first_seed=0,
        n_samples=n,
        settings={},
        metrics={name: estimate.value for name, estimate in estimates.items()},
        intervals={},
        by_real={name: estimate.by_real_N for name, estimate in estimates.items()},
        by_sample={name: estimate.by_sample_S for name, estimate in estimates.items()},
    )


if __name__ == "__main__":
    main()
