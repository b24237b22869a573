import io
from collections.abc import Sequence
from math import inf, nan

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from PIL import Image

from lds_mlflow.pictures import (
    calibration_chart,
    corrected_share_chart,
    decile_chart,
    difference_chart,
    infinity_chart,
    tradeoff_chart,
)
from lds_mlflow.pictures.charts import BLUE, GREY, ORANGE

Interval = tuple[float, float, float]

LONG = (
    "a class whose name is that of a $genus$ and of a_species, and then of its discoverer too, in full and with titles"
)
EDGES = [(float(low), low + 10.0) for low in range(-100, 0, 10)]
UNKNOWN: Interval = (nan, nan, nan)


def _rendered(figure: Figure) -> Image.Image:
    buffer = io.BytesIO()
    figure.savefig(buffer)
    return Image.open(buffer)


def _texts(figure: Figure) -> list[Text]:
    return [text for text in figure.findobj(Text) if isinstance(text, Text) and text.get_text() and text.get_visible()]


def _assert_readable(figure: Figure) -> None:
    """Nothing is cut off, and no name lies upon another."""
    _rendered(figure)
    extent = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert min(extent.x0, extent.y0) > -0.01
    assert extent.x1 < width + 0.01
    assert extent.y1 < height + 0.01
    for axes in figure.axes:
        for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
            boxes = [label.get_window_extent() for label in labels if label.get_text()]
            assert not any(a.overlaps(b) for place, a in enumerate(boxes) for b in boxes[:place])


def _bars(figure: Figure, panel: int = 0) -> list[ErrorbarContainer]:
    return [bars for bars in figure.axes[panel].containers if isinstance(bars, ErrorbarContainer)]


def _points(bars: ErrorbarContainer) -> list[list[float]]:
    points: list[list[float]] = np.asarray(bars.lines[0].get_xydata()).tolist()
    return points


def _ends(bars: ErrorbarContainer, axis: int, direction: int = 0) -> list[list[float]]:
    """Low and high end of each error bar, along an axis."""
    segments = bars.lines[2][direction].get_segments()
    return [np.round(segment[:, axis], 9).tolist() for segment in segments]


def _color(bars: ErrorbarContainer) -> str:
    return to_hex(bars.lines[0].get_color())


def _legend(figure: Figure) -> list[str]:
    legend = figure.legends[0] if figure.legends else figure.axes[0].get_legend()
    assert legend is not None
    return [text.get_text() for text in legend.get_texts()]


def _shares(n: int) -> list[Interval]:
    return [(1 / n, 0.9 / n, 1.1 / n)] * n


def test_a_calibration_marks_the_chosen_multiple_in_each_panel() -> None:
    curve = {"multiple": (1.0, 0.5, 0.2), "fid": (9.0, 4.0, 1.0), "nearest_ratio": (1.2, 1.0, 0.8)}
    figure = calibration_chart(curve, {"fid": "FID", "nearest_ratio": "Nearest-neighbour ratio"}, 0.5)
    drawn = [axes for axes in figure.axes if axes.axison]
    assert [axes.get_ylabel() for axes in drawn] == ["FID", "Nearest-neighbour ratio"]
    for axes, value in zip(drawn, (4.0, 1.0), strict=True):
        line, mark = axes.lines
        assert list(np.asarray(line.get_xdata())) == [1.0, 0.5, 0.2]
        assert (np.asarray(mark.get_xdata()).tolist(), np.asarray(mark.get_ydata()).tolist()) == ([0.5], [value])
        assert to_hex(mark.get_color()) == ORANGE


def test_a_tradeoff_has_a_point_a_model_and_one_for_real_examples() -> None:
    points = {"baseline": ((0.8, 0.7, 0.9), (0.6, 0.5, 0.7)), "finetuned": ((0.9, 0.8, 1.0), (0.5, 0.4, 0.6))}
    figure = tradeoff_chart(points, (1.0, 0.95))
    (axes,) = figure.axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("Density", "Coverage")
    assert _legend(figure) == ["real examples", "baseline", "finetuned"]
    assert [_points(bars) for bars in _bars(figure)] == [[[0.8, 0.6]], [[0.9, 0.5]]]
    assert _ends(_bars(figure)[0], axis=0, direction=0) == [[0.7, 0.9]]
    assert _ends(_bars(figure)[0], axis=1, direction=1) == [[0.5, 0.7]]


def test_real_examples_are_grey_with_dashed_lines_in_a_tradeoff() -> None:
    figure = tradeoff_chart({"baseline": ((0.8, 0.7, 0.9), (0.6, 0.5, 0.7))}, (1.0, 0.95))
    lines = [line for line in figure.axes[0].lines if line.get_color() == GREY]
    assert [line.get_linestyle() for line in lines] == ["--", "--", "None"]
    assert np.asarray(lines[2].get_xydata()).tolist() == [[1.0, 0.95]]


def test_no_two_of_many_models_look_the_same() -> None:
    figure = tradeoff_chart({f"model {n}": ((n, n, n), (n, n, n)) for n in range(42)}, (1.0, 0.95))
    assert len({(_color(bars), bars.lines[0].get_marker()) for bars in _bars(figure)}) == 42


@pytest.mark.parametrize("point", [(0.8, 0.7, 0.9), (0.8, nan, nan), UNKNOWN])
@pytest.mark.parametrize("floor", [(1.0, 0.95), (nan, nan)])
def test_a_tradeoff_of_one_model_is_readable(point: Interval, floor: tuple[float, float]) -> None:
    _assert_readable(tradeoff_chart({"baseline": (point, point)}, floor))


def test_a_tradeoff_of_many_models_is_readable() -> None:
    points = {f"{n} {LONG}": ((n / 30, n / 30, 0.9), (0.5, 0.4, 0.6)) for n in range(30)}
    _assert_readable(tradeoff_chart(points, (1.0, 0.95)))


def test_deciles_have_a_panel_a_figure_and_a_point_a_decile() -> None:
    means = [(0.1 * n, 0.1 * n - 0.05, 0.1 * n + 0.02) for n in range(10)]
    figure = decile_chart(EDGES, {"Realism: rises": means, "Density: falls": means[::-1]}, "By LDS")
    assert [axes.get_title() for axes in figure.axes] == ["Realism: rises", "Density: falls"]
    assert {axes.get_xlabel() for axes in figure.axes} == {"decile of log LDS, sparsest to densest"}
    assert {axes.get_ylabel() for axes in figure.axes} == {"mean, with 95 % interval"}
    (bars,) = _bars(figure, panel=1)
    assert [place for place, _ in _points(bars)] == list(range(1, 11))
    assert [mean for _, mean in _points(bars)] == pytest.approx([0.1 * n for n in range(9, -1, -1)])
    assert _ends(bars, axis=1)[0] == [0.85, 0.92]


def test_deciles_say_their_range_of_scores() -> None:
    figure = decile_chart(EDGES, {"Realism": [(0.5, 0.4, 0.6)] * 10}, "By LDS")
    labels = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert (labels[0], labels[9]) == ("1: -100.0 to -90.0", "10: -10.0 to 0.0")


@pytest.mark.parametrize(
    ("panels", "mean"), [(1, (0.5, nan, nan)), (2, UNKNOWN), (3, (0.5, 0.4, 0.6)), (4, (14.01, 14.0, 14.02))]
)
def test_deciles_are_readable(panels: int, mean: Interval) -> None:
    names = [f"Figure {n}\nno relation: its rank correlation with LDS is -0.01 (-0.05 to 0.03)" for n in range(panels)]
    _assert_readable(decile_chart(EDGES, dict.fromkeys(names, [mean] * 10), LONG))


def test_a_panel_s_title_keeps_its_lines() -> None:
    figure = decile_chart(EDGES, {"Realism\nrises": [(0.5, 0.4, 0.6)] * 10}, "By LDS")
    assert figure.axes[0].get_title() == "Realism\nrises"


def test_differences_have_a_row_each_around_zero_in_the_colour_of_their_verdict() -> None:
    rows = [
        ("FID", -0.1, -0.2, -0.05, "better"),
        ("Coverage", -0.04, -0.06, -0.02, "worse"),
        ("Density", 0.0, -0.1, 0.2, "not told apart"),
    ]
    figure = difference_chart(rows, "finetuned against baseline")
    (axes,) = figure.axes
    better, worse, other = map(_color, _bars(figure))
    assert (better, worse) == (BLUE, ORANGE)
    assert np.ptp([int(other[at : at + 2], 16) for at in (1, 3, 5)]) < 40
    assert [_ends(bars, axis=0) for bars in _bars(figure)] == [[[-0.2, -0.05]], [[-0.06, -0.02]], [[-0.1, 0.2]]]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["FID", "Coverage", "Density"]
    assert [(text.get_text(), to_hex(text.get_color())) for text in axes.texts] == [
        ("better", BLUE),
        ("worse", ORANGE),
        ("not told apart", other),
    ]
    assert axes.lines[0].get_xdata() == [0, 0]
    assert axes.get_xlabel() == "difference, as a share of the reference's figure"


def test_without_a_difference_the_chart_says_why_it_is_empty() -> None:
    (axes,) = difference_chart([], "a against b").axes
    assert [text.get_text() for text in axes.texts] == ["no reference value that a share could be given of"]


def test_the_first_difference_is_on_top() -> None:
    low, high = difference_chart([("FID", 0.1, 0.0, 0.2, "")] * 3, "t").axes[0].get_ylim()
    assert low > high


def test_a_difference_that_was_not_measured_keeps_its_row_and_its_verdict() -> None:
    figure = difference_chart([("FID", nan, nan, nan, "not measured")], "finetuned against baseline")
    assert [text.get_text() for text in figure.axes[0].texts] == ["not measured"]
    _assert_readable(figure)


@pytest.mark.parametrize("interval", [(-0.1, -0.2, 0.3), (0.0, 0.0, 0.0), (0.1, nan, nan), (inf, -inf, inf)])
def test_a_single_difference_is_readable(interval: Interval) -> None:
    _assert_readable(difference_chart([("FID", *interval, "not told apart")], LONG))


def test_many_differences_are_readable() -> None:
    _assert_readable(difference_chart([(f"{n} {LONG}", 0.1, -0.1, 0.3, "not told apart") for n in range(40)], LONG))


def test_class_shares_stand_beside_those_of_training() -> None:
    observed, corrected = [(0.7, 0.6, 0.8), (0.3, 0.2, 0.4)], [(0.65, 0.5, 0.8), (0.35, 0.2, 0.5)]
    figure = corrected_share_chart(["a", "b"], observed, corrected, [0.55, 0.45])
    (axes,) = figure.axes
    assert [bar.get_width() for bar in axes.patches if isinstance(bar, Rectangle)] == [0.55, 0.45]
    assert [[share for share, _ in _points(bars)] for bars in _bars(figure)] == [[0.7, 0.3], [0.65, 0.35]]
    assert [_ends(bars, axis=0)[1] for bars in _bars(figure)] == [[0.2, 0.4], [0.2, 0.5]]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b"]
    assert axes.get_xlabel() == "share of the samples, with 95 % interval"
    assert set(_legend(figure)) == {
        "training part",
        "samples, as the classifier sees them",
        "samples, corrected for its confusion",
    }


def test_a_share_at_the_edge_of_its_interval_is_drawn() -> None:
    # Rounding may put the end of an interval on the wrong side of the share.
    shares = [(0.0, 1e-17, 0.1), (1.0, 0.9, 1 - 1e-16)]
    _assert_readable(corrected_share_chart(["a", "b"], shares, shares, [0.0, 1.0]))


def test_the_point_of_a_class_that_never_occurs_is_inside() -> None:
    shares = [(0.0, 0.0, 0.1), (1.0, 0.9, 1.0)]
    low, high = corrected_share_chart(["a", "b"], shares, shares, [0.5, 0.5]).axes[0].get_xlim()
    assert low < 0
    assert high > 1


@pytest.mark.parametrize(
    "names", [["only"], ["0", "1", "2"], [f"{n} {LONG}" for n in range(40)], ["x" * 300, "", "$", "$$"]]
)
@pytest.mark.parametrize("is_known", [True, False])
def test_class_shares_are_readable(names: list[str], is_known: bool) -> None:
    shares = _shares(len(names)) if is_known else [UNKNOWN] * len(names)
    figure = corrected_share_chart(names, shares, shares, [1 / len(names)] * len(names))
    _assert_readable(figure)


def test_a_name_with_dollar_signs_is_no_formula() -> None:
    figure = corrected_share_chart([r"$\nonsense{$"], _shares(1), _shares(1), [1.0])
    (label,) = figure.axes[0].get_yticklabels()
    assert label.get_text().replace(r"\$", "$") == r"$\nonsense{$"
    _assert_readable(figure)


def test_a_line_leads_from_the_distances_to_infinite_samples() -> None:
    figure = infinity_chart([1000, 500, 250], [11.1, 12.0, 14.2], 10.0, 1000.0)
    (axes,) = figure.axes
    line, measured, infinite = (np.asarray(line.get_xydata()).tolist() for line in axes.lines)
    assert line == [[0, 10.0], [0.004, 14.0]]
    assert measured == [[0.001, 11.1], [0.002, 12.0], [0.004, 14.2]]
    assert infinite == [[0, 10.0]]
    assert _legend(figure) == ["fitted line", "measured", "at infinite samples: 10"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("1 / number of samples", "Frechet distance")


def test_the_axis_of_infinite_samples_counts_samples() -> None:
    figure = infinity_chart([1000, 500], [11.0, 12.0], 10.0, 1000.0)
    _rendered(figure)
    labels = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert labels[0] == "0"
    assert {"1/1,000", "1/500"} <= set(labels)


@pytest.mark.parametrize(
    ("sizes", "distances", "intercept", "slope"),
    [
        ([500], [5.0], 5.0, 0.0),
        ([500], [nan], nan, nan),
        (range(5_000, 55_000, 5_000), [15.0] * 10, 14.0, 1e4),
        (range(10, 110, 10), [0.01] * 10, -0.001, 0.1),
    ],
)
def test_the_way_to_infinite_samples_is_readable(
    sizes: Sequence[int], distances: list[float], intercept: float, slope: float
) -> None:
    _assert_readable(infinity_chart(sizes, distances, intercept, slope))
