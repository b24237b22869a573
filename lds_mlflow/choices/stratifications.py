"""What a selection keeps the training shares of: functions from `augment`'s configuration to strata of candidates."""

from lds_mlflow.choices.choice import Choice

__all__ = ["STRATIFICATIONS"]

STRATIFICATIONS = {
    "none": Choice("of nothing", "lds_mlflow.recipes.strata:without_strata"),
    "class": Choice("of the classes", "lds_mlflow.recipes.strata:by_class"),
    "cluster": Choice("of clusters of the latents, found by k-means", "lds_mlflow.recipes.strata:by_cluster"),
}
"""The stratifications by name."""
