from lds_mlflow.reporting.ablation.charts import chart_of_generations, fidelity_chart, forest_chart, lineage_chart
from tests.unit.reporting.ablation.conftest import ablation_results, arm


def test_the_forest_has_a_row_for_every_arm_but_the_control() -> None:
    (axes,) = forest_chart(ablation_results(), "fid").axes
    rows = [" ".join(label.get_text().split()) for label in axes.get_yticklabels()]
    assert len(rows) == 4
    assert "no finetuning" in rows
    assert not any("(control)" in row for row in rows)
    assert "lower is better" in " ".join(axes.get_title().split())


def test_every_arm_has_a_point_of_fidelity_and_variety() -> None:
    legend = fidelity_chart(ablation_results()).legends[0]
    assert len(legend.get_texts()) == 6


def test_the_pipeline_shows_the_steps_that_ran() -> None:
    (axes,) = lineage_chart({"data": "720 examples", "train": "the baseline"}).axes
    texts = [text.get_text() for text in axes.texts]
    assert {"data", "train"} <= set(texts)
    assert "augment" not in texts


def test_generations_begin_with_the_baseline_and_leave_out_what_one_lacks() -> None:
    assert chart_of_generations(ablation_results()) is None
    figure = chart_of_generations(ablation_results(generations=(arm(6.0), arm(8.0))))
    assert figure is not None
    assert [axes.get_title() for axes in figure.axes] == ["FID", "Coverage", "Vendi score", "Nearest-neighbour ratio"]
    assert list(figure.axes[0].get_xticks()) == [0, 1, 2]
