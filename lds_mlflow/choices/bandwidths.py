"""Rules for the bandwidth of the kernel: functions from training latents, float [N, D], to a width in latent units."""

from math import inf

from lds_mlflow.choices.choice import Choice
from lds_mlflow.errors import ConfigError

__all__ = ["BANDWIDTHS", "DRAFTS_BANDWIDTH", "parse_bandwidth"]

DRAFTS_BANDWIDTH = "norm/5"
"""The draft's rule (section 3.2), and the default everywhere."""

BANDWIDTHS = {
    DRAFTS_BANDWIDTH: Choice("a fifth of the mean norm, as in the draft", "lds_mlflow.latent.bandwidth:norm_fifth"),
    "scott": Choice("Scott's rule of thumb", "lds_mlflow.latent.bandwidth:scott"),
    "silverman": Choice("Silverman's rule of thumb", "lds_mlflow.latent.bandwidth:silverman"),
    "median": Choice("the median distance of two latents", "lds_mlflow.latent.bandwidth:median_distance"),
    "knn": Choice("the mean distance to the tenth nearest latent", "lds_mlflow.latent.bandwidth:tenth_nearest"),
    "loo": Choice("the largest leave-one-out likelihood", "lds_mlflow.latent.bandwidth:leave_one_out"),
}
"""The rules by name."""


def parse_bandwidth(rule: str) -> float | None:
    """Returns the number that a rule is, or None where it is a name.

    Raises:
        ConfigError: It is neither a name nor a number above 0.
    """
    if rule in BANDWIDTHS:
        return None
    try:
        number = float(rule)
    except ValueError:
        number = 0.0
    if not 0 < number < inf:
        raise ConfigError(
            "sigma",
            found=repr(rule),
            expected=f"one of {', '.join(BANDWIDTHS)}, or a finite number above 0",
            remedy=f"{DRAFTS_BANDWIDTH} is the draft's rule.",
        )
    return number
