"""How a candidate lies between its parents: functions from parents, weights and a centre to interpolants."""

from lds_mlflow.choices.choice import Choice

__all__ = ["INTERPOLATIONS", "LINEAR"]

LINEAR = "linear"
"""The draft's interpolation, and the only one whose scores can be factored."""

INTERPOLATIONS = {
    LINEAR: Choice(
        "on the straight line, as in the draft, which shrinks norms", "lds_mlflow.latent.candidates:on_a_line"
    ),
    "slerp": Choice("along the great circle about the mean", "lds_mlflow.latent.candidates:on_a_circle"),
    "variance-preserving": Choice(
        "on the line, scaled about the mean to the parents' variance", "lds_mlflow.latent.candidates:with_variance"
    ),
}
"""The interpolations by name."""
