"""How a discriminator takes part in training."""

from typing import NamedTuple

__all__ = ["ADVERSARIES", "BALANCED", "JOINT", "THAT_SUITS", "Adversary", "adversary_for"]

JOINT, BALANCED = "joint", "balanced"
THAT_SUITS = "auto"
"""Takes the way that suits the images, and the default; docs/method.md has what was measured of both."""

_COLOUR_CHANNELS = 3


class Adversary(NamedTuple):
    """A way.

    Attributes:
        says: What the discriminator judges and teaches, in a short phrase for the help text.
        weight: What adversarial_weight=1 stands for, in the units of `FitPlan`.
        after_images: Images after which it joins a training, or None: it joins when the learning rate begins to fall.
    """

    says: str
    weight: float
    after_images: int | None


ADVERSARIES = {
    JOINT: Adversary(
        "judges reconstructions and samples, and teaches encoder and decoder once the learning rate falls",
        weight=0.05,
        after_images=None,
    ),
    BALANCED: Adversary(
        "judges samples from early on, and teaches the decoder as strongly as the reconstructions do",
        weight=1.0,
        after_images=16_000,
    ),
}
"""The ways by name."""


def adversary_for(channels: int) -> str:
    """Returns the name of the way that suits images of so many channels."""
    return BALANCED if channels == _COLOUR_CHANNELS else JOINT
