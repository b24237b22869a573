import subprocess
import sys
from math import inf

import pytest

from lds_mlflow.choices.figures import COMPARED, FIGURES, HEADLINES, PROMOTABLE, SEARCHABLE, SUMMARY, figure_named
from tests.places import ROOT


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_said_in_sentences(name: str) -> None:
    figure = FIGURES[name]
    assert figure.says.endswith(".")
    assert figure.says[0].isupper()
    assert figure.title


def test_a_biased_figure_has_a_counterpart_without_bias() -> None:
    assert all(f"{name}_infinity" in FIGURES for name, figure in FIGURES.items() if figure.is_biased)


def test_models_are_compared_by_few_figures_in_the_order_of_all() -> None:
    assert (
        *("fid", "kid", "cmmd", "precision", "recall", "density", "coverage"),
        *("authenticity", "class_share_gap_corrected"),
        *("fad", "kad"),
    ) == COMPARED


def test_a_search_and_a_promotion_go_by_figures_of_which_one_way_is_better() -> None:
    assert PROMOTABLE == ("fid", "kid", "precision", "recall", "coverage")
    assert {"clipped_coverage", "class_share_gap"} <= set(SEARCHABLE)
    assert "fid_infinity" not in SEARCHABLE
    assert all(FIGURES[name].better != "neither" for name in SEARCHABLE)


def test_what_is_shown_is_among_the_figures() -> None:
    assert {*HEADLINES, *SUMMARY} <= set(FIGURES)


def test_a_quality_that_is_not_in_the_table_is_any_number_of_which_neither_way_is_better() -> None:
    assert figure_named("coverage") is FIGURES["coverage"]
    loudness = figure_named("loudness")
    assert (loudness.title, loudness.better, loudness.is_share, loudness.least) == ("loudness", "neither", False, -inf)


def test_the_figures_and_extractors_are_known_without_torch() -> None:
    code = (
        "import sys; import lds_mlflow.choices.figures, lds_mlflow.choices.extractors; "
        "heavy = {'torch', 'mlflow', 'numpy', 'pydantic'} & set(sys.modules); sys.exit(repr(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
