"""Pictures for people: values in, PIL images and matplotlib figures out."""

from lds_mlflow.pictures.ablation_charts import generations_chart, pipeline_chart, table_picture
from lds_mlflow.pictures.charts import (
    REAL_EXAMPLES,
    Interval,
    alpha_chart,
    census_chart,
    comparison_chart,
    curves_chart,
    funnel_chart,
    score_chart,
)
from lds_mlflow.pictures.evaluation_charts import (
    calibration_chart,
    corrected_share_chart,
    decile_chart,
    difference_chart,
    infinity_chart,
    tradeoff_chart,
)
from lds_mlflow.pictures.grids import image_grid, paired_grid, score_bands
from lds_mlflow.pictures.png import Picture

__all__ = [
    "REAL_EXAMPLES",
    "Interval",
    "Picture",
    "alpha_chart",
    "calibration_chart",
    "census_chart",
    "comparison_chart",
    "corrected_share_chart",
    "curves_chart",
    "decile_chart",
    "difference_chart",
    "funnel_chart",
    "generations_chart",
    "image_grid",
    "infinity_chart",
    "paired_grid",
    "pipeline_chart",
    "score_bands",
    "score_chart",
    "table_picture",
    "tradeoff_chart",
]
