"""A model, a plan and images that are small enough for unit tests to fit."""

import torch
from torch import Tensor

from lds_mlflow.models.stylegan import VaeSpec
from lds_mlflow.training import FitPlan
from lds_mlflow.training.plan import ExampleForm

__all__ = ["FORM", "PLAN", "SPEC", "random_images"]

SPEC = VaeSpec(8, 1, channel_base=64, channel_max=8, latent_dim=4, style_dim=8, mapping_layers=1)
PLAN = FitPlan(
    steps=12, batch_size=6, learning_rate=0.01, kl_weight=1, ema_images=40, seed=3, log_every=3, checkpoint_every=4
)


FORM = ExampleForm(n=24, n_decoded=0, shape=(1, 8, 8), dtype=torch.uint8)


def random_images(n: int = 24) -> Tensor:
    """Returns noise, uint8 [n, 1, 8, 8]."""
    return torch.randint(256, (n, 1, 8, 8), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
