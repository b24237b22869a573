"""What several processes compute as one, as torchrun starts this module: a fit, or what is computed of rows."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from lds_mlflow.ranks import Ranks, follow, lead
from lds_mlflow.sampling import decode_latents, encode_images, to_model_range
from lds_mlflow.training import CheckpointFile, FitPlan, fit
from lds_mlflow.vae import VAE, VaeSpec

__all__ = ["PLAN", "fitted", "images", "model_with", "rows"]

TINY = VaeSpec(8, 1, channel_base=64, channel_max=8, latent_dim=4, style_dim=8, mapping_layers=1)
PLAN = FitPlan(
    steps=12,
    batch_size=12,
    learning_rate=0.01,
    kl_weight=1,
    ema_decay=0.9,
    seed=3,
    log_every=3,
    checkpoint_every=4,
)


class Distance(nn.Module):
    """A distance that stands for a perceptual one."""

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return (x - y).abs().mean()


def images() -> torch.Tensor:
    return torch.randint(256, (36, 1, 8, 8), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def model_with(prior: str) -> VAE:
    return VAE.initialised(TINY, 0).with_prior(prior, to_model_range(images()[:20]), pseudo_inputs=3)


def fitted(ranks: Ranks, kind: str, folder: Path, stop: Callable[[int], bool]) -> dict[str, object]:
    """Fits a model with a prior of a kind, or an "adversary"; returns the digest of the weights, steps, and curves."""
    prior = "gaussian" if kind == "adversary" else kind
    plan = replace(PLAN, adversarial_weight=0.1) if kind == "adversary" else PLAN
    told: list[dict[str, float]] = []
    steps = iter(range(1, 100))
    result = fit(
        model_with(prior),
        images(),
        plan,
        ranks=ranks,
        z_AD=torch.zeros(12, 4),
        perceptual=Distance(),
        checkpoints=CheckpointFile(folder / "fit.pt", "owner"),
        on_metrics=lambda _, figures: told.append(figures),
        stop=lambda: stop(next(steps)),
    )
    return {"digest": result.model.to_weights().digest, "step": result.step, "told": told}


def rows(ranks: Ranks) -> dict[str, list[object]]:
    """Encodes and decodes, with a last batch that is smaller."""
    model = model_with("gaussian").eval()
    many = images().repeat(20, 1, 1, 1)[:700]
    mean, log_variance = encode_images(model, many, ranks=ranks)
    decoded = decode_latents(model, mean, ranks=ranks)
    return {"mean": mean.tolist(), "log_variance": log_variance.tolist(), "decoded": decoded.tolist()}


def _main(what: str, folder: Path, stop_after: int) -> None:
    torch.set_num_threads(1)
    ranks = lead("cpu")
    if not ranks.leads:
        follow(ranks)
        return
    found = rows(ranks) if what == "rows" else fitted(ranks, what, folder, lambda step: step == stop_after)
    ranks.dismiss()
    (folder / "found.json").write_text(json.dumps(found))


if __name__ == "__main__":
    _main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
