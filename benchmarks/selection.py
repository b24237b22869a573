"""Which selection rule to have by default: finetuning on train + A for each, beside the control, over paired seeds.

    python -m benchmarks.selection            # five seeds, about ten minutes on one core
    python -m benchmarks.selection --quick    # one seed and short fits, under a minute; too short to tell anything

On scikit-learn's digits. Samples are judged against the select part, never the test part; every arm of a seed starts
from the same baseline, and has as many steps. The last line is one JSON object with mean differences from the control.
"""

import json
from dataclasses import dataclass, replace

import click
import pandas as pd
import torch

from lds_mlflow.data import load_digits, split_images
from lds_mlflow.latent import (
    Random,
    Rule,
    TopFraction,
    bandwidth,
    draw_candidates,
    latent_space,
    score_candidates,
    select,
)
from lds_mlflow.metrics import ClassifierExtractor, evaluate_samples, train_classifier
from lds_mlflow.sampling import decode_latents, encode_images, latents_of_seeds
from lds_mlflow.training import FitPlan, fit
from lds_mlflow.vae import PRESETS, VAE
from lds_mlflow.values import ImageSet, Splits

__all__ = ["main"]

_FIGURES = ["fid", "density", "coverage", "class_share_gap"]
_A_SHARE, _TOP = 0.5, 0.2


@dataclass(frozen=True, slots=True)
class _Arm:
    rule: Rule
    space: str = "raw"
    leave_endpoints_out: bool = False


_ARMS = {
    "random interpolants": _Arm(Random(_TOP)),
    "top 20 %": _Arm(TopFraction(_TOP)),
    "top 20 %, endpoints left out": _Arm(TopFraction(_TOP), leave_endpoints_out=True),
    "top 20 %, centred, endpoints left out": _Arm(TopFraction(_TOP), space="centred", leave_endpoints_out=True),
}


@click.command()
@click.option("--quick", is_flag=True, help="One seed and short fits.")
def main(quick: bool) -> None:
    """Compares selection rules by what finetuning on them does."""
    seeds = range(1) if quick else range(5)
    splits = split_images(load_digits(), select_fraction=0.2, test_fraction=0.2, seed=0)
    judge = ClassifierExtractor(train_classifier(splits.train, steps=300, seed=0).to_weights())
    plan = FitPlan(
        steps=200 if quick else 2500, batch_size=32, learning_rate=0.01, kl_weight=1, ema_decay=0.995, seed=0
    )
    rows = [row for seed in seeds for row in _rows(seed, splits, judge, replace(plan, seed=seed))]
    table = pd.DataFrame(rows).set_index(["seed", "arm"])
    click.echo(table.groupby("arm", sort=False).mean().round(3).to_string())
    control = table.xs("control", level="arm")
    differences = table[_FIGURES] - control[_FIGURES]
    summary = differences.groupby("arm", sort=False).agg(["mean", "std"]).round(3)
    click.echo(f"\nDifference from the control, mean and standard deviation over seeds:\n{summary.to_string()}")
    click.echo(
        json.dumps(
            {
                "seeds": len(seeds),
                "fid_minus_control": {arm: round(x, 3) for arm, x in summary["fid"]["mean"].items()},
                "coverage_minus_control": {arm: round(x, 3) for arm, x in summary["coverage"]["mean"].items()},
            }
        )
    )


def _rows(seed: int, splits: Splits, judge: ClassifierExtractor, plan: FitPlan) -> list[dict[str, object]]:
    images = splits.train.images_NCHW
    baseline = fit(VAE.initialised(PRESETS["digits"], seed), images, plan).model
    z, _ = encode_images(baseline, images)
    finetuning = replace(plan, steps=plan.steps // 5, learning_rate=plan.learning_rate / 5)
    sets = {"control": images} | {
        name: torch.cat([images, _augment(baseline, z, arm, seed)]) for name, arm in _ARMS.items()
    }
    rows = [{"seed": seed, "arm": "baseline", **_judge(baseline, splits, judge, seed)}]
    for name, chosen in sets.items():
        model = fit(VAE.from_weights(baseline.to_weights()), chosen, finetuning).model
        rows.append({"seed": seed, "arm": name, **_judge(model, splits, judge, seed)})
    return rows


def _augment(model: VAE, z: torch.Tensor, arm: _Arm, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    candidates = draw_candidates(z, round(_A_SHARE / _TOP * len(z)), generator=generator)
    mapped = latent_space(z, arm.space).map(z)
    sigma = bandwidth(mapped, "norm/5").sigma
    scores = score_candidates(candidates, z, sigma=sigma, leave_endpoints_out=arm.leave_endpoints_out)
    chosen = select(scores.log_lds_M, arm.rule, generator=generator, candidates=candidates)
    return decode_latents(model, candidates.z_MD[chosen.index_A])


def _judge(model: VAE, splits: Splits, judge: ClassifierExtractor, seed: int) -> dict[str, float]:
    held_out: ImageSet = splits.select
    seeds = list(range(seed * 10_000, seed * 10_000 + len(held_out)))
    samples = decode_latents(model, latents_of_seeds(seeds, model.spec.latent_dim))
    evaluation = evaluate_samples(samples, held_out, splits.train, extractor=judge, judge=judge).evaluation
    return {name: evaluation.metrics[name] for name in _FIGURES}


if __name__ == "__main__":
    main()
