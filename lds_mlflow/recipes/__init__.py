"""From configurations to calls of the science rooms: A, candidates, scores, selection, samplers, fits, extractors.

The shapes, by their suffixes: N training examples or latents, H held-out ones, M candidates, A the augmentation set, B
a batch, D dimensions of a latent.
"""

from lds_mlflow.recipes.augmentation import Augmentation, Ingredients, SelectedInterpolants, make_augmentation
from lds_mlflow.recipes.rules import rule_as_configured
from lds_mlflow.recipes.scoring import ScoredCandidates, score_as_configured, wanted_of
from lds_mlflow.recipes.strata import strata_as_configured

__all__ = [
    "Augmentation",
    "Ingredients",
    "ScoredCandidates",
    "SelectedInterpolants",
    "make_augmentation",
    "rule_as_configured",
    "score_as_configured",
    "strata_as_configured",
    "wanted_of",
]
