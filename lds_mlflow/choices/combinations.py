"""How the draft's rule combines its threshold and its top fraction: functions from how many candidates pass each."""

from dataclasses import dataclass

from lds_mlflow.choices.choice import Choice

__all__ = ["COMBINATIONS", "Combination"]


@dataclass(frozen=True, slots=True)
class Combination(Choice):
    """A combination of two conditions.

    Attributes:
        words: The combination in words, with {above} and {top} for the two conditions.
    """

    words: str = ""


COMBINATIONS = {
    "both": Combination(
        "above tau, and in the top fraction of all candidates",
        "lds_mlflow.latent.selecting.rules:keep_both",
        words="{above} and in {top}",
    ),
    "of-passing": Combination(
        "the top fraction of those above tau",
        "lds_mlflow.latent.selecting.rules:keep_top_of_passing",
        words="{top} of those with {above}",
    ),
    "either": Combination(
        "above tau, or in the top fraction",
        "lds_mlflow.latent.selecting.rules:keep_either",
        words="{above} or in {top}",
    ),
    "fallback": Combination(
        "above tau, and where nothing is, the top fraction",
        "lds_mlflow.latent.selecting.rules:keep_top_as_fallback",
        words="{above}, or where nothing is, {top}",
    ),
}
"""The combinations by name."""
