"""Sources of A that change the pixels of training images, as controls. Each is called as `make_augmentation` is."""

from collections.abc import Callable

from torch import Tensor

from lds_mlflow.config import AugmentConfig
from lds_mlflow.data.pixel_augmentation import augment_pixels, change_affinely, cut_and_mix, mix_up
from lds_mlflow.errors import DataError
from lds_mlflow.recipes.augmentation import Augmentation, Ingredients
from lds_mlflow.recipes.scoring import wanted_of
from lds_mlflow.values import IMAGES, AugmentationSet

__all__ = ["affine_transforms", "cut_and_mixed", "mixed_up"]


def affine_transforms(config: AugmentConfig, ingredients: Ingredients) -> Augmentation:
    """Returns random affine transforms of training images."""
    return _of_pixels(change_affinely, config, ingredients)


def mixed_up(config: AugmentConfig, ingredients: Ingredients) -> Augmentation:
    """Returns mixtures of two training images each."""
    return _of_pixels(mix_up, config, ingredients)


def cut_and_mixed(config: AugmentConfig, ingredients: Ingredients) -> Augmentation:
    """Returns training images with a rectangle of another in each."""
    return _of_pixels(cut_and_mix, config, ingredients)


def _of_pixels(change: Callable[[Tensor], Tensor], config: AugmentConfig, ingredients: Ingredients) -> Augmentation:
    if ingredients.train.domain != IMAGES:
        raise DataError(
            f"source={config.source}",
            found=f"examples that are {ingredients.train.domain}",
            expected="images, whose pixels this source changes",
            remedy="Give another source.",
        )
    n = wanted_of(config, len(ingredients.train))
    changed = augment_pixels(ingredients.train.examples_N, change, n, seed=config.augment_seed)
    return Augmentation(AugmentationSet(changed))
