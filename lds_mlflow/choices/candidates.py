"""Which candidates there are to select from: functions from `augment`'s configuration and latents to scored ones."""

from lds_mlflow.choices.choice import Choice

__all__ = ["CANDIDATES", "EXHAUSTIVE"]

EXHAUSTIVE = "exhaustive"
"""The only choice that goes with one interpolation alone, the linear one."""

CANDIDATES = {
    "sampled": Choice("interpolants drawn at random", "lds_mlflow.recipes.scoring:score_sampled"),
    EXHAUSTIVE: Choice("the densest of all linear interpolants there are", "lds_mlflow.recipes.scoring:score_all"),
}
"""The kinds of candidates by name."""
