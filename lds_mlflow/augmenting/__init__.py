"""What the configuration of `augment` asks for: candidates, their scores, the rule that selects, and A."""

from lds_mlflow.augmenting.controls import control_latents, control_set, real_images
from lds_mlflow.augmenting.interpolants import Selected, select_interpolants
from lds_mlflow.augmenting.rules import RULES, rule_of, strata_as_configured
from lds_mlflow.augmenting.scoring import Scored, score_as_configured, wanted_of

__all__ = [
    "RULES",
    "Scored",
    "Selected",
    "control_latents",
    "control_set",
    "real_images",
    "rule_of",
    "score_as_configured",
    "select_interpolants",
    "strata_as_configured",
    "wanted_of",
]
