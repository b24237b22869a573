"""Pictures for people: values in, PIL images and matplotlib figures out."""

from lds_mlflow.pictures.charts import (
    alpha_chart,
    census_chart,
    class_share_chart,
    comparison_chart,
    curves_chart,
    funnel_chart,
    score_chart,
)
from lds_mlflow.pictures.grids import image_grid, paired_grid, score_bands

__all__ = [
    "alpha_chart",
    "census_chart",
    "class_share_chart",
    "comparison_chart",
    "curves_chart",
    "funnel_chart",
    "image_grid",
    "paired_grid",
    "score_bands",
    "score_chart",
]
