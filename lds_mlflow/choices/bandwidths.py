"""Rules for the bandwidth of the kernel: functions from training latents, float [N, D], to a width in latent units."""

from lds_mlflow.choices.choice import Choice
from lds_mlflow.errors import ConfigError

__all__ = [
    "BANDWIDTHS",
    "CALIBRATED",
    "DRAFTS_BANDWIDTH",
    "LARGEST_WIDTH",
    "SMALLEST_WIDTH",
    "WIDTHS",
    "parse_bandwidth",
]

SMALLEST_WIDTH, LARGEST_WIDTH = 1e-15, 1e15
"""The range of a width. Beyond it, the log LDS of latents of an ordinary size leaves the range of float32."""

WIDTHS = f"a number from {SMALLEST_WIDTH:g} to {LARGEST_WIDTH:g}"
"""The range in words."""

DRAFTS_BANDWIDTH = "norm/5"
"""The draft's rule (section 3.2), and the default everywhere."""

CALIBRATED = "calibrated"
"""Not a rule but a measurement: the step `calibrate` finds a multiple of the draft's rule by samples of a model."""

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
        ConfigError: It is neither a name nor a number in the range of a width.
    """
    if rule in BANDWIDTHS:
        return None
    if rule == CALIBRATED:
        raise ConfigError(
            "sigma",
            found=f"{CALIBRATED}, which takes samples of a model to measure",
            expected=f"one of {', '.join(BANDWIDTHS)}, or {WIDTHS}",
            remedy="The command calibrate measures the width for a model, and sampler_sigma=calibrated uses it. Here, "
            "give the number that the command has found.",
        )
    try:
        number = float(rule)
    except ValueError:
        number = 0.0
    if not SMALLEST_WIDTH <= number <= LARGEST_WIDTH:
        raise ConfigError(
            "sigma",
            found=repr(rule)[:100],
            expected=f"one of {', '.join(BANDWIDTHS)}, or {WIDTHS}",
            remedy=f"{DRAFTS_BANDWIDTH} is the draft's rule.",
        )
    return number
