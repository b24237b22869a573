"""Variants of finetuning.

Each readies the model that is finetuned, and returns the latents of A that its encoder is trained to find, [A, D], or
None where A is trained on like the training examples.
"""

from torch import Tensor

from lds_mlflow.errors import ConfigError
from lds_mlflow.models import Trainable
from lds_mlflow.values import AugmentationSet

__all__ = ["find_latents", "train_all", "train_the_decoder"]


def train_all(_model: Trainable, _augmentation: AugmentationSet | None) -> None:
    """Leaves all of the model to be trained."""


def train_the_decoder(model: Trainable, _augmentation: AugmentationSet | None) -> None:
    """Keeps the encoder as it is."""
    model.freeze_encoder()


def find_latents(_model: Trainable, augmentation: AugmentationSet | None) -> Tensor:
    """Returns the latents of A.

    Raises:
        ConfigError: There is no A, or it was not decoded from latents.
    """
    if augmentation is not None and augmentation.z_AD is not None:
        return augmentation.z_AD
    raise ConfigError(
        "finetune_variant=consistency",
        found="no A (augment_run=none)" if augmentation is None else "an A that was not decoded from latents",
        expected="an A of decoded latents, which the encoder learns to find",
        remedy="Give another finetune_variant, or another source of A.",
    )
