import io
from math import log

import numpy as np
import pytest
import torch
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle, StepPatch
from PIL import Image

from lds_mlflow.pictures import (
    alpha_chart,
    census_chart,
    comparison_chart,
    curves_chart,
    funnel_chart,
    score_chart,
)
from lds_mlflow.pictures.charts import figure_of_panels

LABELS = {"loss": "loss (nats / image)", "kl": "KL (nats / image)"}


def _assert_renders(figure: Figure) -> None:
    buffer = io.BytesIO()
    figure.savefig(buffer)
    picture = np.asarray(Image.open(buffer).convert("L"))
    assert picture.shape == tuple(round(100 * inches) for inches in figure.get_size_inches()[::-1])
    assert picture.min() < 128 < picture.max()


def _heights(figure: Figure) -> list[float]:
    return [bar.get_height() for bar in figure.axes[0].patches if isinstance(bar, Rectangle)]


def _widths(figure: Figure) -> list[float]:
    return [bar.get_width() for bar in figure.axes[0].patches if isinstance(bar, Rectangle)]


def _legend(figure: Figure) -> list[str]:
    (legend,) = figure.legends
    return [text.get_text() for text in legend.get_texts()]


@pytest.mark.parametrize("losses", [[2.0], [3.0, 2.0, 1.0], [float("nan")], [2.0, float("nan"), float("inf")]])
def test_curves_render_with_one_point_with_many_and_with_gaps(losses: list[float]) -> None:
    history = [(50 * (number + 1), {"loss": loss, "kl": 1.0}) for number, loss in enumerate(losses)]
    _assert_renders(curves_chart(history, LABELS, "training"))


def test_curves_have_one_axis_a_figure_with_its_unit() -> None:
    figure = curves_chart([(1, {"loss": 3.0, "kl": 1.0}), (5, {"loss": 2.0, "kl": 4.0})], LABELS, "training")
    assert [axes.get_ylabel() for axes in figure.axes] == list(LABELS.values())
    assert [axes.get_xlabel() for axes in figure.axes] == ["training step"] * 2
    assert np.asarray(figure.axes[1].lines[0].get_xydata()).tolist() == [[1, 1], [5, 4]]


@pytest.mark.parametrize(
    ("scores", "log_tau"), [([-3.0], None), ([-7.0, -7.0, -7.0], log(0.28)), ([-900.0, -20.0, -1.0], log(0.28))]
)
def test_scores_render_with_one_candidate_with_equal_ones_and_with_far_ones(
    scores: list[float], log_tau: float | None
) -> None:
    log_lds = torch.tensor(scores, dtype=torch.float64)
    _assert_renders(score_chart(log_lds, torch.tensor([0]), log_tau=log_tau))


def test_scores_that_differ_in_their_last_digit_render() -> None:
    # A candidate and its mirror image (i, j, alpha) and (j, i, 1 - alpha) have one score, up to rounding.
    log_lds = torch.tensor([-1e6, float(np.nextafter(-1e6, 0.0))], dtype=torch.float64)
    _assert_renders(score_chart(log_lds, torch.tensor([0]), log_tau=None))


def test_the_histogram_counts_all_candidates_and_the_kept_ones() -> None:
    log_lds = -torch.arange(10, dtype=torch.float64)
    figure = score_chart(log_lds, torch.tensor([0, 1, 2]), log_tau=-1.0)
    assert sum(_heights(figure)) == 10 + 3
    assert _legend(figure)[:3] == ["10 candidates", "3 kept", "log tau = -1.00"]


def test_without_a_threshold_none_is_marked() -> None:
    figure = score_chart(torch.tensor([-1.0, -2.0], dtype=torch.float64), torch.tensor([0]), log_tau=None)
    assert not any("tau" in label for label in _legend(figure))


def test_a_census_shows_the_filled_bins_and_counts_all() -> None:
    figure = census_chart(torch.tensor([0, 3, 0, 2, 0]), torch.linspace(-5, 0, 6))
    (steps,) = figure.axes[0].patches
    assert isinstance(steps, StepPatch)
    _, edges, _ = steps.get_data()
    assert list(edges) == pytest.approx([-4, -3, -2, -1])
    assert "All 5 interpolants" in figure.axes[0].get_title()


@pytest.mark.parametrize("is_bounded", [True, False])
def test_the_bound_is_marked_where_it_holds(is_bounded: bool) -> None:
    figure = score_chart(torch.tensor([-1.0]).double(), torch.tensor([0]), log_tau=None, is_bounded=is_bounded)
    assert any("bound" in label for label in _legend(figure)) == is_bounded


@pytest.mark.parametrize("alpha", [[0.3], [0.1, 0.9, 0.5, 0.5]])
def test_alphas_render_with_one_candidate_and_with_several(alpha: list[float]) -> None:
    _assert_renders(alpha_chart(torch.tensor(alpha), torch.tensor([0])))


def test_alphas_are_shown_as_shares_of_all_and_of_the_kept() -> None:
    tenths = torch.arange(1, 10) / 10
    figure = alpha_chart(tenths, torch.tensor([0, 8]))
    candidates, kept = _heights(figure)[:9], _heights(figure)[9:]
    assert candidates == pytest.approx([1 / 9] * 9)
    assert kept == [0.5, 0, 0, 0, 0, 0, 0, 0, 0.5]


@pytest.mark.parametrize("counts", [[1, 1, 1, 1], [100_000, 0, 20_000, 0], [5, 2]])
def test_a_funnel_renders(counts: list[int]) -> None:
    funnel = {f"stage {place}": count for place, count in enumerate(counts)}
    figure = funnel_chart(funnel, "the top 20% by LDS")
    assert _widths(figure) == counts
    _assert_renders(figure)


def test_a_funnel_names_its_rule_and_its_counts() -> None:
    figure = funnel_chart({"candidates": 12_345, "above tau": 30, "kept": 10}, "my rule")
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts == ["12,345", "30", "10"]
    assert "my rule" in figure.axes[0].get_title()


@pytest.mark.parametrize("value", [0.0, 12.5])
def test_a_comparison_renders_with_one_model(value: float) -> None:
    _assert_renders(comparison_chart({"baseline": {"fid": value}}, {"fid": "FID"}, {}))


def test_a_comparison_has_one_axis_a_figure_and_one_bar_a_model() -> None:
    rows = {"baseline": {"fid": 3.0, "coverage": 0.5}, "finetuned": {"fid": 2.0, "coverage": 0.75}}
    figure = comparison_chart(rows, {"fid": "FID", "coverage": "Coverage"}, {})
    assert [axes.get_title() for axes in figure.axes] == ["FID", "Coverage"]
    assert _widths(figure) == [3.0, 2.0]
    assert [text.get_text() for text in figure.axes[1].texts] == ["0.5", "0.75"]


def test_real_examples_are_grey_in_a_comparison() -> None:
    figure = comparison_chart({"real examples": {"fid": 1.0}, "baseline": {"fid": 2.0}}, {"fid": "FID"}, {})
    floor, model = (np.ptp(to_rgb(bar.get_facecolor())) for bar in figure.axes[0].patches)
    assert floor < 0.2 < model


def test_a_comparison_shows_intervals_and_nothing_of_it_leaves_the_picture() -> None:
    rows = {"real examples": {"coverage": 0.975}, "finetuned by mixture": {"coverage": 0.928}}
    figure = comparison_chart(
        rows, {"coverage": "Coverage (higher is better)"}, {"finetuned by mixture": {"coverage": (0.866, 0.97)}}
    )
    (lines,) = figure.axes[0].collections
    assert isinstance(lines, LineCollection)
    assert [np.asarray(segment)[:, 0].tolist() for segment in lines.get_segments()] == [[0.975, 0.975], [0.866, 0.97]]
    _assert_renders(figure)
    width, height = figure.get_size_inches() * figure.dpi
    for text in (figure.axes[0].title, *figure.axes[0].texts, *figure.axes[0].get_yticklabels()):
        box = text.get_window_extent()
        assert box.x0 >= 0
        assert box.x1 <= width
        assert box.y1 <= height
    frame = figure.axes[0].get_window_extent()
    assert all(text.get_window_extent().x1 < frame.x1 for text in figure.axes[0].texts)


@pytest.mark.parametrize(("n", "rows", "columns"), [(1, 1, 1), (3, 1, 3), (4, 2, 3), (9, 3, 3)])
def test_panels_stand_in_rows_of_three(n: int, rows: int, columns: int) -> None:
    figure, panels = figure_of_panels(n)
    assert (len(panels), len(figure.axes)) == (n, n)
    assert tuple(figure.get_size_inches()) == (4 * columns, 3 * rows)
