"""What each rule of bandwidth does: how far the kernel reaches, and how far the score is more than a distance.

    python -m benchmarks.bandwidths            # about two minutes on two cores
    python -m benchmarks.bandwidths --quick    # under a minute: a shorter fit on the digits

On standard Gaussian latents, on such with inactive dimensions, and on those of a VAE of scikit-learn's digits. Scores
are those of held-out latents. The rank correlations are with the distance to the mean (at 1 the score says nothing
else) and with the distance to the nearest training latent, both negated. The last line is one JSON object.
"""

import json
from collections.abc import Iterator
from math import nan

import click
import torch
from scipy.stats import spearmanr
from torch import Tensor

from lds_mlflow.choices.bandwidths import BANDWIDTHS
from lds_mlflow.data import load_digits, split_examples
from lds_mlflow.latent import bandwidth, latent_space, log_density
from lds_mlflow.models import Codec
from lds_mlflow.models.stylegan import VAE, spec_of
from lds_mlflow.training import FitPlan, FitTask, fit

__all__ = ["main"]

_INACTIVE_SCALE = 0.02
_SPACES = (("raw", False), ("raw", True), ("whitened", False))


@click.command()
@click.option("--quick", is_flag=True, help="A shorter fit on the digits.")
def main(quick: bool) -> None:
    """Tabulates the rules of bandwidth on several sets of latents."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for name, z_ND, held_out_HD in _latent_sets(300 if quick else 2500):
        for kind, drop in _SPACES:
            space = latent_space(z_ND, kind, drop_inactive=drop)
            if drop and space.n_dimensions == z_ND.shape[1]:
                continue
            label = f"{name}, {'inactive dropped' if drop else kind}"
            found[label] = _rules(space.map(z_ND), space.map(held_out_HD))
            _print(label, space.n_dimensions, found[label])
    click.echo(
        json.dumps(
            {
                label: {
                    rule: {name: float(f"{value:.4g}") for name, value in row.items()} for rule, row in rows.items()
                }
                for label, rows in found.items()
            }
        )
    )


def _latent_sets(steps: int) -> Iterator[tuple[str, Tensor, Tensor]]:
    for dim in (8, 64, 512):
        yield f"Gaussian, N = 5,000, D = {dim}", *_gaussian(dim).split([5_000, 500])
    active, inactive = _gaussian(8), _INACTIVE_SCALE * _gaussian(56, seed=1)
    yield "Gaussian, 8 of 64 active", *torch.cat([active, inactive], 1).split([5_000, 500])
    yield "VAE of the digits", *_digits(steps)


def _gaussian(dim: int, seed: int = 0) -> Tensor:
    return torch.randn(5_500, dim, generator=torch.Generator().manual_seed(seed))


def _digits(steps: int) -> tuple[Tensor, Tensor]:
    splits = split_examples(load_digits(), select_fraction=0.2, test_fraction=0.2, seed=0)
    plan = FitPlan(steps=steps, batch_size=32, learning_rate=0.01, kl_weight=1.0, ema_images=4000, seed=0)
    model = fit(FitTask(VAE.initialised(spec_of("digits"), 0), splits.train.examples_N, plan)).model
    train, select = (Codec(model).encode(part.examples_N)[0] for part in (splits.train, splits.select))
    return train, select


def _rules(z_ND: Tensor, held_out_HD: Tensor) -> dict[str, dict[str, float]]:
    distances = torch.cdist(held_out_HD.double(), z_ND.double()).amin(1)
    norms = (held_out_HD - z_ND.mean(0)).norm(dim=1)
    table = {}
    for rule in BANDWIDTHS:
        width = bandwidth(z_ND, rule)
        scores = log_density(held_out_HD, z_ND, sigma=width.sigma)
        table[rule] = {
            "sigma": width.sigma,
            "effective_neighbours": width.effective_neighbours,
            "rank_correlation_with_mean": _correlation(scores, -norms),
            "rank_correlation_with_nearest": _correlation(scores, -distances),
        }
    return table


def _correlation(x: Tensor, y: Tensor) -> float:
    return float(spearmanr(x.numpy(), y.numpy()).statistic) if len(x) > 2 else nan


def _print(label: str, dim: int, rows: dict[str, dict[str, float]]) -> None:
    click.echo(f"\n{label} ({dim} dimensions)\n")
    click.echo("| rule | sigma | effective neighbours | with the mean | with the nearest |\n|---|---|---|---|---|")
    for rule, row in rows.items():
        sigma, neighbours, mean, nearest = row.values()
        click.echo(f"| `{rule}` | {sigma:.3f} | {neighbours:.1f} | {mean:.2f} | {nearest:.2f} |")


if __name__ == "__main__":
    main()
