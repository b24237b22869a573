"""What the configuration of `augment` asks for: candidates, their scores, the rule that selects, and A."""

from lds_mlflow.recipes.controls import control_latents, control_set, real_images
from lds_mlflow.recipes.interpolants import Selected, select_interpolants
from lds_mlflow.recipes.rules import RULES, rule_of, strata_as_configured
from lds_mlflow.recipes.scoring import Scored, score_as_configured, wanted_of

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
