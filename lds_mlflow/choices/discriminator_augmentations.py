"""What is done to images before a discriminator sees them: modules that follow `lds_mlflow.training`'s `Unchanged`."""

from lds_mlflow.choices.choice import Choice

__all__ = ["DISCRIMINATOR_AUGMENTATIONS", "NO_AUGMENTATION"]

NO_AUGMENTATION = "none"
"""A discriminator sees images as they are, the default."""

_MODULE = "lds_mlflow.training.discriminator_augmentation"

DISCRIMINATOR_AUGMENTATIONS = {
    NO_AUGMENTATION: Choice("images as they are", f"{_MODULE}:Unchanged"),
    "diffaugment": Choice("other colours, moved, a square cut out", f"{_MODULE}:DiffAugment"),
    "ada": Choice(
        "mirrored, moved, scaled and of other colours, the more often the better training images are recognised",
        f"{_MODULE}:AdaptiveAugment",
    ),
}
"""The augmentations by name."""
