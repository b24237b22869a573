"""What the augmentation set A is made of: functions from `augment`'s configuration and ingredients to A."""

from lds_mlflow.choices.choice import Choice

__all__ = ["INTERPOLANTS", "SOURCES"]

INTERPOLANTS = "interpolants"
"""The source that the method of the draft takes, and the default."""

SOURCES = {
    INTERPOLANTS: Choice(
        "interpolants of latents, selected by density and decoded", "lds_mlflow.recipes.interpolants:interpolants"
    ),
    "prior": Choice("samples of the model's prior, a control", "lds_mlflow.recipes.controls:samples_of_prior"),
    "reconstructions": Choice(
        "training examples, encoded and decoded, a control", "lds_mlflow.recipes.controls:reconstructions"
    ),
    "noise": Choice(
        "training latents with Gaussian noise, decoded, a control", "lds_mlflow.recipes.controls:latents_with_noise"
    ),
    "transforms": Choice(
        "random affine transforms of training images, a control", "lds_mlflow.recipes.pixel_controls:affine_transforms"
    ),
    "mixup": Choice("MixUp of training images, a control", "lds_mlflow.recipes.pixel_controls:mixed_up"),
    "cutmix": Choice("CutMix of training images, a control", "lds_mlflow.recipes.pixel_controls:cut_and_mixed"),
    "real": Choice("real images that were kept aside, an oracle", "lds_mlflow.recipes.controls:real_examples"),
}
"""The sources by name."""
