"""What several processes compute as one, as torchrun starts this module: a fit, or what is computed of rows."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from lds_mlflow.errors import DataError
from lds_mlflow.machine.ranks import Ranks, follow, lead
from lds_mlflow.metrics import Classifier, ClassifierExtractor
from lds_mlflow.models import PIXELS, Codec
from lds_mlflow.models.stylegan import VAE
from lds_mlflow.training import CheckpointFile, FitHooks, FitTask, fit
from tests import tiny

__all__ = ["PLAN", "fitted", "images", "model_with", "rows"]

PLAN = replace(tiny.PLAN, batch_size=12)
PLANS = {
    "adversary": replace(PLAN, adversarial_weight=0.1, feature_weight=0.1, discriminator_augmentation="ada"),
    # One process's share of a batch lies above it in some steps while another's lies below.
    "free bits": replace(PLAN, free_bits=0.025, log_every=1),
    "lower": replace(PLAN, precision="bfloat16"),
}


class Distance(nn.Module):
    """A distance that stands for a perceptual one."""

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return (x - y).abs().mean()


def images() -> torch.Tensor:
    return tiny.random_images(36)


def model_with(prior: str) -> VAE:
    return VAE.initialised(tiny.SPEC, 0).with_prior(prior, exemplars=20, pseudo_inputs=PIXELS.to_model(images()[:3]))


def fitted(ranks: Ranks, kind: str, folder: Path, stop: Callable[[int], bool]) -> dict[str, object]:
    """Fits by a plan of a kind, or with a prior; returns the digest of the weights, steps, and curves."""
    prior = "gaussian" if kind in PLANS else kind
    told: list[dict[str, float]] = []
    steps = iter(range(1, 100))
    result = fit(
        FitTask(model_with(prior), images(), PLANS.get(kind, PLAN), z_AD=torch.zeros(12, 4), perceptual=Distance()),
        ranks=ranks,
        checkpoints=CheckpointFile(folder / "fit.pt", "owner"),
        hooks=FitHooks(on_metrics=lambda _, figures: told.append(figures), stop=lambda: stop(next(steps))),
    )
    return {"digest": result.model.to_weights().digest, "step": result.step, "told": told}


def rows(ranks: Ranks) -> dict[str, list[object]]:
    """Encodes and decodes, with a last batch that is smaller, and computes a classifier's features."""
    model = model_with("gaussian").eval()
    many = images().repeat(20, 1, 1, 1)[:700]
    mean, log_variance = Codec(model).encode(many, ranks=ranks).moments
    decoded = Codec(model).decode(mean, ranks=ranks)
    torch.manual_seed(0)
    features = ClassifierExtractor(Classifier(8, 1, 10).to_weights(), ranks=ranks).features(decoded)
    found = {"mean": mean, "log_variance": log_variance, "decoded": decoded, "features": features}
    return {name: values.tolist() for name, values in found.items()}


def _assert_parted() -> None:
    # A thread of the group that outlives it now and then aborts a Python that ends.
    threads = [path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")]
    assert not any("gloo" in thread for thread in threads), threads


def _main(what: str, folder: Path, stop_after: int) -> None:
    torch.set_num_threads(1)
    ranks = lead("cpu")
    if not ranks.leads:
        follow(ranks)
        _assert_parted()
        return
    if what == "failure":
        raise DataError("data", found="nothing", expected="something", remedy="Bring it.")
    found = rows(ranks) if what == "rows" else fitted(ranks, what, folder, lambda step: step == stop_after)
    ranks.dismiss()
    _assert_parted()
    (folder / "found.json").write_text(json.dumps(found))


if __name__ == "__main__":
    _main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
