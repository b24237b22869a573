"""The width sigma of the kernel."""

from torch import Tensor

from lds_mlflow.errors import ConfigError, DataError

__all__ = ["BANDWIDTH_RULES", "bandwidth", "parse_bandwidth"]

BANDWIDTH_RULES = ("norm/5", "centred-norm/5")
"""norm/5 is the draft's rule (section 3.2), which depends on where the origin is. centred-norm/5 takes the mean of the
latents for the origin, and doesn't."""


def parse_bandwidth(rule: str) -> float | None:
    """Returns the number that a rule is, or None where it is a name.

    Raises:
        ConfigError: It is neither a name nor a number above 0.
    """
    if rule in BANDWIDTH_RULES:
        return None
    try:
        number = float(rule)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise ConfigError(
            "sigma",
            found=repr(rule),
            expected=f"one of {', '.join(BANDWIDTH_RULES)}, or a finite number above 0",
            remedy="norm/5 is the draft's rule.",
        )
    return number


def bandwidth(z_ND: Tensor, rule: str) -> float:
    """Returns sigma, in latent units.

    Args:
        z_ND: Training latents, float [N, D].
        rule: "norm/5" (a fifth of the mean L2 norm; draft, section 3.2), "centred-norm/5", or a number.

    Raises:
        ConfigError: The rule is none of these.
        DataError: The rule gives no width above 0: the latents are all one point.
    """
    number = parse_bandwidth(rule)
    if number is not None:
        return number
    z = z_ND.double()
    if rule == "centred-norm/5":
        z = z - z.mean(0)
    sigma = float(z.norm(dim=1).mean()) / 5
    if not 0 < sigma < float("inf"):
        raise DataError(
            f"the bandwidth by the rule {rule}",
            found=f"{sigma}",
            expected="a finite number above 0",
            remedy="The latents are all alike or not finite: train longer, or with a smaller kl_weight.",
        )
    return sigma
