"""The rule that selects, as configured."""

from collections.abc import Callable
from typing import Any

from torch import Tensor

from lds_mlflow.choices import call
from lds_mlflow.choices.selections import SELECTIONS
from lds_mlflow.config import AugmentConfig
from lds_mlflow.latent import Rule, leave_one_out_log_density, log_density
from lds_mlflow.recipes.scoring import ScoredCandidates

__all__ = ["MEASURED_FOR_RULES", "HeldOutLatents", "rule_as_configured"]

HeldOutLatents = Callable[[], Tensor]
"""Gives real latents that are not among the training latents, float [H, D], where a rule needs them."""


def _of_held_out(scored: ScoredCandidates, held_out: HeldOutLatents) -> Tensor:
    return log_density(scored.space.map(held_out()), scored.z_ND, sigma=scored.bandwidth.sigma)


def _of_training(scored: ScoredCandidates, _held_out: HeldOutLatents) -> Tensor:
    return leave_one_out_log_density(scored.z_ND, sigma=scored.bandwidth.sigma)


MEASURED_FOR_RULES: dict[str, Callable[[ScoredCandidates, HeldOutLatents], Tensor]] = {
    "log_lds_of_held_out": _of_held_out,
    "log_lds_of_training": _of_training,
}
"""What an argument of a rule can be beside a parameter of `augment`: log LDS of held-out latents, float64 [H], and of
the training latents, each left out of its own sum, float64 [N]."""


def rule_as_configured(config: AugmentConfig, scored: ScoredCandidates, held_out: HeldOutLatents) -> Rule:
    """Returns the rule that is configured.

    Args:
        config: The configuration.
        scored: The scored candidates.
        held_out: Gives real latents that are not among the training latents, float [H, D], where the rule needs them.
    """

    def known(name: str) -> Any:
        measure = MEASURED_FOR_RULES.get(name)
        return getattr(config, name) if measure is None else measure(scored, held_out)

    rule: Rule = call(SELECTIONS[config.selection], known)
    return rule
