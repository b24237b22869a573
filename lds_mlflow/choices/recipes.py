"""Recipes of the loss: what its parameters are where they are `auto`. A parameter that is given counts before these."""

from typing import NamedTuple

from lds_mlflow.choices.discriminator_augmentations import NO_AUGMENTATION
from lds_mlflow.choices.distances import NO_DISTANCE

__all__ = ["ADVERSARIAL", "RECIPES", "SEQUENCE", "Recipe"]

ADVERSARIAL = "adversarial"
"""The default; docs/results.md has the figures of all."""

SEQUENCE = "sequence"
"""What suits sequences of tokens, whose model has no discriminator."""


class Recipe(NamedTuple):
    """The parameters that are called as the attributes are.

    Attributes:
        says: What the loss is made of, in a short phrase for the help text.
    """

    says: str
    kl_weight: float = 1.0
    latent_dim: int = 0
    perceptual: str = NO_DISTANCE
    perceptual_weight: float = 1.0
    adversarial_weight: float = 0.0
    feature_weight: float = 0.0
    r1_gamma: float = 1.0
    discriminator_augmentation: str = NO_AUGMENTATION


RECIPES = {
    "elbo": Recipe("the evidence lower bound"),
    "perceptual": Recipe("with SqueezeNet's distance, whose weights perceptual_weights names", perceptual="squeezenet"),
    ADVERSARIAL: Recipe(
        "with a discriminator, as adversary says",
        kl_weight=0.3,
        adversarial_weight=1.0,
        r1_gamma=0.01,
        discriminator_augmentation="ada",
    ),
    SEQUENCE: Recipe("the evidence lower bound with a small weight of the KL term, for sequences", kl_weight=0.05),
}
"""The recipes by name."""
