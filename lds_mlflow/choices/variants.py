"""What finetuning trains, and on what: functions from a model and A to the latents that the encoder learns to find."""

from dataclasses import dataclass

from lds_mlflow.choices.choice import Choice

__all__ = ["VARIANTS", "WHOLE", "Variant"]

WHOLE = "whole"
"""Trains all of the model, the default."""


@dataclass(frozen=True, slots=True)
class Variant(Choice):
    """A variant of finetuning.

    Attributes:
        words: What of the model is trained, in words.
    """

    words: str = "all of it"


VARIANTS = {
    WHOLE: Variant("the whole model on train and A", "lds_mlflow.recipes.variants:train_all"),
    "decoder": Variant(
        "the decoder on train and A", "lds_mlflow.recipes.variants:train_the_decoder", words="the decoder"
    ),
    "consistency": Variant(
        "the whole model on train, and the encoder also on the latents of A",
        "lds_mlflow.recipes.variants:find_latents",
        words="all of it, latents of A found by the encoder",
    ),
}
"""The variants by name."""
