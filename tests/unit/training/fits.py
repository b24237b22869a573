"""A fit that is small enough to be made again and again."""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from lds_mlflow.models import Trainable
from lds_mlflow.models.stylegan import VAE, VaeSpec
from tests import tiny

__all__ = ["PLAN", "TINY", "digest", "images", "model", "stop_after"]

TINY = VaeSpec(8, 1, channel_base=32, channel_max=4, latent_dim=4, style_dim=4, mapping_layers=1)
PLAN = replace(tiny.PLAN, steps=9, batch_size=4, seed=0, log_every=1)


def images(n: int = 24) -> Tensor:
    """Bars that lie or stand: few pixels, and something to learn."""
    images = torch.zeros(n, 1, 8, 8, dtype=torch.uint8)
    for number, image in enumerate(images):
        bar = image[0] if number % 2 else image[0].T
        bar[number % 8] = 255
    return images


def model(seed: int = 0) -> VAE:
    """Returns a model that is small enough for tests to fit."""
    return VAE.initialised(TINY, seed)


def digest(trained: Trainable) -> str:
    """Returns the digest of a model's weights."""
    return trained.to_weights().digest


def stop_after(steps: int) -> Callable[[], bool]:
    """Returns what asks a fit to stop after some steps."""
    asked = iter(range(1, 1000))
    return lambda: next(asked) >= steps
