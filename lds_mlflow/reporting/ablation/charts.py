"""The charts of an ablation."""

from collections.abc import Mapping

from matplotlib.figure import Figure

from lds_mlflow.choices.figures import FIGURES
from lds_mlflow.config.arms import ARMS, BASELINE
from lds_mlflow.metrics import TOO_FEW, MeanOverSeeds, mean_over_seeds
from lds_mlflow.pictures import Interval, difference_chart, generations_chart, pipeline_chart, tradeoff_chart
from lds_mlflow.reporting.ablation.results import AblationResults

__all__ = ["chart_of_generations", "fidelity_chart", "forest_chart", "lineage_chart"]

_OF_GENERATIONS = ("fid", "coverage", "vendi", "nearest_ratio")
_READS = (
    ("data", "train"),
    ("train", "encode"),
    ("encode", "augment"),
    ("augment", "finetune"),
    ("finetune", "evaluate"),
    ("train", "finetune"),
    ("data", "finetune"),
    ("data", "evaluate"),
)
"""Which step of the pipeline reads which."""


def forest_chart(results: AblationResults, name: str) -> Figure:
    """Draws a figure of every arm against the control, as differences with their intervals."""
    rows = []
    for arm in results.test:
        row = results.against_control.get((arm, name))
        if row is not None and row.reference_value:
            scale = 1 / abs(row.reference_value)
            verdict = "" if row.verdict == TOO_FEW else row.verdict
            rows.append((ARMS[arm].title, row.difference * scale, row.low * scale, row.high * scale, verdict))
    title = f"{FIGURES[name].title} against the control ({FIGURES[name].better} is better), {results.seeds} seeds"
    return difference_chart(rows, title)


def lineage_chart(lineage: Mapping[str, str]) -> Figure:
    """Draws the steps that led to the draft's arm, by what each of them read and made."""
    steps = list(lineage)
    chain = [(one, other) for one, other in _READS if one in steps and other in steps]
    return pipeline_chart(lineage, chain, "Density-based latent augmentation: the draft's arm, seed 0")


def chart_of_generations(results: AblationResults) -> Figure | None:
    """Draws figures by generation of finetuning on a model's own samples, or returns None where there are none."""
    if not results.generations:
        return None
    stages = [results.test[BASELINE], *results.generations]
    names = [name for name in _OF_GENERATIONS if all(name in found.metrics for stage in stages for found in stage)]
    return generations_chart(
        {FIGURES[name].title: [_interval(mean_over_seeds(stage, name)) for stage in stages] for name in names}
    )


def fidelity_chart(results: AblationResults) -> Figure:
    """Draws Density against Coverage of every arm."""
    points = {
        ARMS[arm].title: (_interval(results.mean(arm, "density")), _interval(results.mean(arm, "coverage")))
        for arm in results.test
    }
    floor = results.first.metrics
    return tradeoff_chart(points, (floor["floor_density"], floor["floor_coverage"]))


def _interval(mean: MeanOverSeeds | None) -> Interval:
    assert mean is not None
    return mean.value, mean.low, mean.high
